"""What the stacks here rely on the provider plugins for: through the real Pulumi CLI, against a real API server.

    pytest tests/conformance -m conformance [--plugin-dir ~/.pulumi/plugins]

Without the option the kubernetes plugin that is compiled here and the stand-in for random are tested; with it, the plugins
of the exact versions in that folder. Both must show the same.
"""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from local import pulumi_cli, tools
from local.paths import CLUSTERS
from local.plugins import install
from local.plugins.versions import wheel_version
from local.progress import Progress
from tests.conformance.harness import Stack, environment

Kubectl = Callable[..., str]
NewStack = Callable[[str], Stack]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plugin-dir", type=Path, help="plugins to test, laid out as in PULUMI_HOME/plugins")


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """The cluster to test against."""
    embedded = CLUSTERS / "local" / "kubeconfig"
    found = os.environ.get("KUBECONFIG") or str(embedded)
    assert Path(found).exists(), f"no kubeconfig at {found}: set KUBECONFIG, or start the embedded cluster (make up)"
    return found


@pytest.fixture(scope="session")
def folders() -> Mapping[str, Path]:
    """What is compiled for these tests."""
    return tools.ensure(["pulumi", "pulumi-language-python", "kubernetes", install.TOOL], Progress())


@pytest.fixture(scope="session")
def binaries(tmp_path_factory: pytest.TempPathFactory, folders: Mapping[str, Path]) -> list[Path]:
    """The folders of the CLI, its language host and kubectl."""
    cli = pulumi_cli.bundle(tmp_path_factory.mktemp("cli"), folders["pulumi"], folders["pulumi-language-python"])
    return [cli, folders["kubernetes"]]


@pytest.fixture(scope="session")
def kubectl(kubeconfig: str, binaries: list[Path]) -> Kubectl:
    """Run kubectl and return what it prints."""
    command = shutil.which("kubectl", path=os.pathsep.join(map(str, binaries)))
    assert command

    def run(*arguments: str, stdin: str | None = None) -> str:
        return subprocess.run(
            [command, "--kubeconfig", kubeconfig, *arguments], check=True, text=True, input=stdin, stdout=subprocess.PIPE
        ).stdout

    return run


@pytest.fixture(scope="session")
def images(kubectl: Kubectl) -> dict[str, str]:
    """Images that the node has: `pause`, which runs for ever, and `base`, which has a shell."""
    nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    names = [name for node in nodes for image in node["status"]["images"] for name in image.get("names") or []]
    found = {wanted: next((n for n in names if f"/{wanted}@" in n), "") for wanted in ("pause", "base")}
    assert all(found.values()), f"the cluster's node lacks the project's images: {found} (make up)"
    return found


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, folders: Mapping[str, Path]) -> Path:
    """A PULUMI_HOME with the plugins under test."""
    home = tmp_path_factory.mktemp("pulumi-home")
    given = request.config.getoption("--plugin-dir", None)
    if given:
        for package in (install.KUBERNETES, install.RANDOM):
            name = f"resource-{package}-v{wheel_version(package)}"
            shutil.copytree(given / name, home / "plugins" / name)
    else:
        install.write_compiled(home / "plugins", folders[install.TOOL])
        install.write_stand_in(home / "plugins")
    return home


@pytest.fixture(scope="session")
def namespace() -> str:
    """The stem of the namespaces' names: every stack appends its own name."""
    return f"conformance-{secrets.token_hex(3)}"


@pytest.fixture(scope="session")
def new_stack(
    tmp_path_factory: pytest.TempPathFactory,
    home: Path,
    binaries: list[Path],
    kubeconfig: str,
    kubectl: Kubectl,
    namespace: str,
) -> Iterator[NewStack]:
    """Make stacks; whatever a test leaves behind is removed at the end."""
    made: list[str] = []

    def make(name: str) -> Stack:
        made.append(name)
        providers = {
            "mutable": {"kubeconfig": kubeconfig, "enableSecretMutable": "true", "enableConfigMapMutable": "true"},
            "plain": {"kubeconfig": Path(kubeconfig).read_text(), "namespace": f"{namespace}-{name}"},
        }
        return Stack(tmp_path_factory.mktemp("stack"), name, environment(home, binaries, kubeconfig), providers)

    yield make
    for name in made:
        kubectl("delete", "namespace", f"{namespace}-{name}", "--ignore-not-found", "--wait=false")
        kubectl("delete", "clusterrole", f"{namespace}-{name}", "--ignore-not-found")
