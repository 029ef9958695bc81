"""The Go tools of the embedded default: compiled from the modules pinned in local/modules, once for all checkouts.

A tool's folder in the cache is named after everything that made it, so a changed pin is a new folder and an old
checkout keeps finding its own. Nothing of Go's build and module caches is needed once the folders are there.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from local import debian, go, memory
from local.errors import UserError
from local.locks import locked
from local.paths import MODULES, TOOLS_CACHE
from local.progress import Progress

# What Go's caches grow by for a module, on average (27 GB for all of them together, measured).
ROOM_PER_MODULE = 2 * 10**9

_QUIET = Progress(write=lambda text: None, tty=False)

GO_FLAGS = ("-mod=readonly", "-trimpath")
GO_ENVIRONMENT = {"GOFLAGS": "-buildvcs=false"}

# A compiler that ends after seconds need not collect its garbage: a quarter of all CPU time (25.6 s instead of 33.9 s
# for the module `cni`, measured). What a compiler or linker may hold before it does collect, and how much of the
# machine's memory has to be there for each of those that run at once.
COMPILER_MEMORY = 3 * 2**30
MEMORY_PER_CPU = 4 * 2**30


@dataclass(frozen=True)
class Build:
    """How one module is compiled, where that differs from the plain way."""

    tags: tuple[str, ...] = ()
    cgo: bool = False
    static: bool = False
    """Links C as well, so that it runs without libraries."""
    needs: tuple[str, ...] = ()
    """Debian packages without which it does not compile."""
    version_in: Mapping[str, str] = field(default_factory=dict)
    """Go variables that hold the version, each with the module whose version it is: `go build` leaves them empty."""
    releases: Mapping[str, str] = field(default_factory=dict)
    """The same for modules that are pinned by commit: variable → the release that the commit belongs to."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """Sub folder of the tool → prefix of the packages that go there, where two packages share a name."""
    copies: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """(module, folder in it, names) copied beside the binaries."""


BUILDS = {
    # It goes into the builder image as well, which has no libraries.
    "runc": Build(
        tags=("seccomp", "netgo", "osusergo"),
        cgo=True,
        static=True,
        needs=("gcc", "libc6-dev", "pkg-config", "libseccomp-dev"),
    ),
    "kubernetes": Build(
        version_in={
            "k8s.io/component-base/version.gitVersion": "k8s.io/kubernetes",
            "k8s.io/client-go/pkg/version.gitVersion": "k8s.io/kubernetes",
        }
    ),
    "tekton": Build(folders={"pipeline": "github.com/tektoncd/pipeline/", "triggers": "github.com/tektoncd/triggers/"}),
    "pulumi-kubernetes": Build(
        # Its module is tagged only inside its repository. The commit is of the day before this release of the SDK.
        releases={"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version": "4.25.0"},
        copies=(
            (
                "github.com/pulumi/pulumi-kubernetes/provider/v4",
                "cmd/pulumi-resource-kubernetes",
                ("schema.json", "terraform-mapping.json"),
            ),
        ),
    ),
    "gitea": Build(
        tags=("sqlite", "sqlite_unlock_notify"),
        cgo=True,
        needs=("gcc", "libc6-dev"),
        copies=(("code.gitea.io/gitea", ".", ("options", "templates", "public")),),
    ),
    "pulumi-language-python": Build(
        copies=(
            (
                "github.com/pulumi/pulumi/sdk/v3",
                "python/cmd",
                ("pulumi-language-python-exec",),
            ),
        )
    ),
}


@dataclass(frozen=True)
class Tool:
    """One pinned Go module and the commands that are built from it."""

    name: str
    module: Path
    packages: tuple[str, ...]
    versions: Mapping[str, str]
    build: Build

    def flags(self) -> list[str]:
        """The arguments of `go build` that shape the binaries."""
        linker = ["-s", "-w"]
        linker += [f"-X={variable}={self.versions[module]}" for variable, module in self.build.version_in.items()]
        linker += [f"-X={variable}={release}" for variable, release in self.build.releases.items()]
        linker += ["-linkmode=external", "-extldflags=-static"] if self.build.static else []
        tags = ["-tags", ",".join(self.build.tags)] if self.build.tags else []
        return [*GO_FLAGS, *tags, "-ldflags", " ".join(linker)]

    def environment(self) -> dict[str, str]:
        return GO_ENVIRONMENT | {"CGO_ENABLED": "1" if self.build.cgo else "0"}

    def key(self, go: str) -> str:
        """Twelve hexadecimal digits for all that the binaries are made of; `go` is Go's version and target."""
        digest = hashlib.sha256()
        sources = sorted(self.module.glob("*.go"))
        for part in (
            *(path.read_bytes() for path in (self.module / "go.mod", self.module / "go.sum", *sources)),
            json.dumps([self.flags(), self.environment(), self.build.folders, self.build.copies, go]).encode(),
        ):
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()[:12]

    def targets(self) -> Iterator[tuple[str, list[str]]]:
        """Sub folder → the packages whose binaries go there."""
        if not self.build.folders:
            yield ".", list(self.packages)
        for folder, prefix in self.build.folders.items():
            yield folder, [package for package in self.packages if package.startswith(prefix)]


def read(module: Path) -> Tool:
    """The tool that a module folder pins: its `tool` directives are the commands."""
    packages: list[str] = []
    versions: dict[str, str] = {}
    block = ""
    for line in (module / "go.mod").read_text().splitlines():
        words = line.split("//")[0].split()
        if not words:
            continue
        if words == [")"]:
            block = ""
        elif len(words) == 2 and words[1] == "(":
            block = words[0]
        else:
            directive, rest = (block, words) if block else (words[0], words[1:])
            if directive == "tool":
                packages.append(rest[0])
            elif directive == "require":
                versions[rest[0]] = rest[1]
    return Tool(module.name, module, tuple(packages), versions, BUILDS.get(module.name, Build()))


# What checks and tests use, and the cluster does not.
CHECKS = ("actionlint", "tekton-contracts")

TOOLS: dict[str, Tool] = {folder.name: read(folder) for folder in sorted(MODULES.iterdir()) if folder.is_dir()}


def ensure(names: Iterable[str], progress: Progress) -> dict[str, Path]:
    """The folders with the named tools' binaries; what is not in the cache yet is compiled first."""
    go.ensure(progress)
    folders = {name: _folder(name) for name in names}
    absent = [name for name, folder in folders.items() if not folder.is_dir()]
    if absent:
        debian.ensure(sorted({package for name in absent for package in TOOLS[name].build.needs}), progress)
        check_room(len(absent))
        TOOLS_CACHE.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(1) as network:
        fetched = {name: network.submit(_fetch, TOOLS[name]) for name in absent}
        try:
            for number, name in enumerate(absent, 1):
                # A second checkout waits here, and then finds the tool made.
                with progress.step(f"Compile {name} ({number} of {len(absent)})"), locked(TOOLS_CACHE):
                    if not folders[name].is_dir():
                        fetched[name].result()
                        _compile(TOOLS[name], folders[name])
        finally:
            network.shutdown(cancel_futures=True)
    return folders


def compiled(name: str) -> bool:
    """Whether the tool is in the cache already."""
    return _folder(name).is_dir()


def _folder(name: str) -> Path:
    return TOOLS_CACHE / f"{name}-{TOOLS[name].key(_go_target())}"


def module_folder(tool: str, module: str) -> Path:
    """Return the source of a module that a tool pins, which Go fetches when its module cache lacks it."""
    wanted = f"{module}@{TOOLS[tool].versions[module]}"
    # Outside any module, so that go.mod is neither asked nor changed.
    compiler = go.ensure(_QUIET)
    result = subprocess.run(
        [compiler.program, "mod", "download", "-json", wanted],
        cwd=tempfile.gettempdir(), env=os.environ | compiler.environment, capture_output=True, text=True,
    )  # fmt: skip
    answer = json.loads(result.stdout or "{}")
    if result.returncode != 0 or "Dir" not in answer:
        raise UserError(f"Go could not fetch {wanted}: {answer.get('Error') or result.stderr.strip()}")
    return Path(answer["Dir"])


def check_room(modules: int) -> None:
    """Refuse to begin a compilation that would fill a disk."""
    wanted = modules * ROOM_PER_MODULE
    for place in {_go("env", "GOCACHE"), _go("env", "GOMODCACHE"), str(TOOLS_CACHE)}:
        existing = Path(place)
        while not existing.exists():
            existing = existing.parent
        free = shutil.disk_usage(existing).free
        if free < wanted:
            raise UserError(
                f"Compiling {modules} of the cluster's tools may need {wanted // 10**9} GB under {place}, "
                f"and {free / 10**9:.1f} GB are free there. Make room (`go clean -cache -modcache` empties Go's own "
                "caches) or point GOCACHE, GOMODCACHE and TEKTON_DELIVERY_CACHE at a larger disk."
            )


def _fetch(tool: Tool) -> None:
    """Fetch what a tool is made of, and only that, while another one is compiled."""
    _go("list", "-deps", *tool.flags(), *tool.packages, cwd=tool.module, env=tool.environment())


def _compile(tool: Tool, folder: Path) -> None:
    """Build into a folder beside the final one, then rename: what an interruption leaves never looks complete."""
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for sub, packages in tool.targets():
            (work / sub).mkdir(exist_ok=True)
            environment = tool.environment() | _compilers_environment()
            _go("build", *tool.flags(), "-o", f"{work / sub}/", *packages, cwd=tool.module, env=environment)
        for module, inside, names in tool.build.copies:
            source = Path(_go("list", "-m", "-f", "{{.Dir}}", module, cwd=tool.module)) / inside
            for name in names:
                _copy(source / name, work / name)
        work.chmod(0o755)
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy out of the module cache, whose files are read-only and never executable."""
    if source.is_dir():
        shutil.copytree(source, target)
        for path in (target, *target.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
    else:
        shutil.copyfile(source, target)
        target.chmod(0o755)


def without_garbage_collection(installed: int, cpus: int) -> dict[str, str]:
    """Variables for Go's compiler on a machine with that many bytes and CPUs, where it has the memory for it."""
    return {"GOGC": "off", "GOMEMLIMIT": str(COMPILER_MEMORY)} if installed >= cpus * MEMORY_PER_CPU else {}


def _compilers_environment() -> dict[str, str]:
    # What the user has set is left as it is.
    return {} if "GOGC" in os.environ else without_garbage_collection(memory.installed(), os.cpu_count() or 1)


@cache
def _go_target() -> str:
    """Go's version and the platform it compiles for, which are part of what a binary is."""
    return _go("env", "GOVERSION", "GOOS", "GOARCH")


def _go(*arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    compiler = go.ensure(_QUIET)
    environment = os.environ | GO_ENVIRONMENT | compiler.environment | dict(env or {})
    result = subprocess.run([compiler.program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        what = f"`go {arguments[0]}`" + (f" of {cwd.name}" if cwd else "")
        raise UserError(f"{what} failed:\n" + "\n".join(result.stderr.strip().splitlines()[-15:]))
    return result.stdout.strip()
