"""Gives the libraries that several tools share one version, so that each package is compiled once for all of them.

    python -m local.align

Each tool's module pins what it is made of, and Go's build cache shares a package only where it and everything below it are
the same. After a pin was changed this raises shared libraries to the highest version that a module asks for.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping

from local import go, tools
from local.errors import UserError
from local.progress import Progress

# The tool whose libraries of Kubernetes the others take: they cannot be newer than it.
KUBERNETES = "kubernetes"
_OF_KUBERNETES = r"k8s\.io/(?!klog|utils|gengo|system-validators).*|sigs\.k8s\.io/structured-merge-diff/v6"

# Tool → the libraries that stay as the tool's own release has them.
KEPT: Mapping[str, str] = {
    # Its libraries name the schema of this release, and it stops where the two differ.
    "tekton": r"go\.opentelemetry\.io/otel/sdk",
    "tekton-contracts": r"go\.opentelemetry\.io/otel/sdk",
    # The last release that has the language host inside.
    "pulumi-language-python": r"github\.com/pulumi/pulumi/sdk/v3",
    # What an API server keeps and judges by.
    KUBERNETES: r"github\.com/google/cel-go|go\.etcd\.io/etcd/.*|github\.com/coredns/.*",
    # Not tried with newer ones yet. What is known: containerd does not compile with older parts of Kubernetes, nor
    # pulumi-kubernetes with newer ones.
    **dict.fromkeys(("buildkit", "containerd", "gitea", "pulumi", "pulumi-kubernetes"), ".*"),
}
# Release candidates, which differ in more than fixes.
_NEVER = r"go\.yaml\.in/yaml/v4"


def order(version: str) -> tuple[object, ...]:
    """Sort key for versions, as semver.org has it: a release comes after what led to it."""
    numbers, _, before = version.partition("+")[0].removeprefix("v").partition("-")
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in before.split(".") if before)
    return (tuple(map(int, numbers.split("."))), not before, parts)


def wanted(versions: Mapping[str, Mapping[str, str]], kept: Mapping[str, str] = KEPT) -> dict[str, dict[str, str]]:
    """Tool → library → the version it should have, where it has another one."""
    users = Counter(library for libraries in versions.values() for library in libraries)
    highest: dict[str, str] = {}
    for libraries in versions.values():
        for library, version in libraries.items():
            highest[library] = max(version, highest.get(library, version), key=order)
    changes: dict[str, dict[str, str]] = {}
    for tool, libraries in versions.items():
        for library, version in libraries.items():
            of_kubernetes = re.fullmatch(_OF_KUBERNETES, library)
            stays = (tool == KUBERNETES and of_kubernetes) or re.fullmatch(f"{_NEVER}|{kept.get(tool, '$^')}", library)
            if stays or users[library] < 2:
                continue
            bound = versions.get(KUBERNETES, {}).get(library) if of_kubernetes else None
            if version != (best := bound or highest[library]):
                changes.setdefault(tool, {})[library] = best
    return changes


def pinned() -> dict[str, dict[str, str]]:
    """Tool → library → version. What a module replaces is its own matter; Kubernetes replaces its parts by its release."""
    found = {}
    for name, tool in tools.TOOLS.items():
        lines = re.findall(r"^replace (\S+) => \S+ (\S+)", (tool.module / "go.mod").read_text(), re.M)
        replaced = {library: version for library, version in lines if library in tool.versions}
        others = {library: version for library, version in tool.versions.items() if library not in replaced}
        found[name] = others | replaced if name == KUBERNETES else others
    return found


def align(program: str) -> None:
    """Change the modules until nothing is left to change: a raised library may ask for others."""
    while changes := wanted(versions := pinned()):
        for tool, libraries in changes.items():
            edits = []
            for library, version in libraries.items():
                if order(versions[tool][library]) > order(version):
                    edits.append(f"-exclude={library}@{versions[tool][library]}")
                edits.append(f"-require={library}@{version}")
            for command in (["edit", *edits], ["tidy"]):
                ended = subprocess.run([program, "mod", *command], cwd=tools.TOOLS[tool].module)
                if ended.returncode != 0:
                    raise UserError(f"`go mod {command[0]}` failed in local/modules/{tool}")
            tools.TOOLS[tool] = tools.read(tools.TOOLS[tool].module)


if __name__ == "__main__":
    try:
        align(go.ensure(Progress()).program)
    except UserError as error:
        sys.exit(f"error: {error}")
