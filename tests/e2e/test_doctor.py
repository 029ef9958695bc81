"""`python -m operate doctor` on the embedded cluster: all is fine, and then wrong on purpose in copies of a stack file."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.cluster.names import HOST_NAMES
from local.kubernetes_api import wait_until
from local.paths import ROOT
from operate import __main__ as operate
from tests.e2e.world import World

SPACES = "tekton-delivery/doctor"
Doctor = Callable[..., tuple[int, list[dict[str, str]]]]
pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(scope="module")
def resolved(world: World) -> list[str]:
    """Where the names are that the cluster's pods alone know."""
    address = world.machine.cluster.node_ip
    return [word for name in HOST_NAMES for word in ("--resolve", f"{name}={address}")]


@pytest.fixture
def doctor(world: World, resolved: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Run it: the exit code, and the rows."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("FORGE_TOKEN", raising=False)

    def run(*arguments: str) -> tuple[int, list[dict[str, str]]]:
        capsys.readouterr()
        code = operate.main(["doctor", *arguments, "--json", *resolved])
        return code, json.loads(capsys.readouterr().out)["rows"]

    return run


@pytest.fixture(autouse=True)
def no_namespace_is_left(world: World) -> Iterator[None]:
    yield
    assert [space.metadata.name for space in spaces(world) if space.metadata.deletion_timestamp is None] == []


def spaces(world: World) -> list[Any]:
    return list(world.kubernetes.core.list_namespace(label_selector=SPACES).items)


def told(rows: list[dict[str, str]], *states: str) -> list[str]:
    return [f"{row['area']}: {row['what']}: {row['said']}" for row in rows if row["state"] in states]


def changed(folder: Path, change: Callable[[dict[str, Any]], None], stack: str = "staging") -> str:
    """A copy of a stack file with another setting; its paths are relative to the project all the same."""
    content = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())
    change({name.partition(":")[2]: value for name, value in content["config"].items()})
    path = folder / "Pulumi.changed.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def only(*areas: str) -> list[str]:
    return [word for area in areas for word in ("--only", area)]


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_shipped_stacks_lack_nothing(doctor: Doctor, stack: str) -> None:
    begun = time.monotonic()
    code, rows = doctor(stack)
    assert told(rows, "wrong") == []
    assert code == 0
    areas = {row["area"] for row in rows if row["state"] == "fine"}
    expected = {
        "settings",
        "cluster",
        "rights",
        "objects",
        "tekton",
        "network",
        "registry",
        "forge",
        "git",
        "secrets",
        "webhook",
    }
    assert areas >= expected | ({"pods"} if stack == "staging" else set()), told(rows, "unknown")
    assert time.monotonic() - begun < 90


def test_wrong_settings_are_named_where_they_are_wrong(doctor: Doctor, tmp_path: Path) -> None:
    """Registries and forge: a wrong password, a token that may less, another repository, a branch that is nowhere."""
    nobody = tmp_path / "nobody"
    nobody.write_text("nobody-s-password")

    def change(config: dict[str, Any]) -> None:
        config["registry"]["read"]["password"] = {"file": str(nobody)}
        # Who pushes to quarantine deletes nothing there, and who cleans has to.
        passwords = ".local/secrets/quarantine"
        config["build"]["quarantine"] |= {
            "write": {"username": "platform", "password": {"file": f"{passwords}/platform"}},
            "delete": {"username": "deployer", "password": {"file": f"{passwords}/deployer"}},
        }
        config["forge"]["token"] = {"file": str(nobody)}
        config["applications"][0]["baseBranch"] = "trunk"

    code, rows = doctor("staging", "--config-file", changed(tmp_path, change), *only("registry", "forge", "git"))
    assert code == 1
    wrong = {row["what"] for row in rows if row["state"] == "wrong"}
    assert wrong >= {
        "registry.read (puller) is let in at http://registry.internal:5000",
        "build.quarantine.delete (deployer): delete in chespirito",
        "build.quarantine.write (platform): delete in chespirito",
        "forge.token is known to the forge",
        "acme/chespirito is fetched, branch trunk",
    }
    assert "nobody-s-password" not in str(rows)


def test_a_token_that_only_reads_and_a_key_that_pushes_are_named(doctor: Doctor, world: World, tmp_path: Path) -> None:
    reader = ROOT / ".local" / "secrets" / "forge-reader-token"
    forge = world.machine.forge
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    forge.admin.ensure_deploy_key(forge.repository, "doctor", key.with_suffix(".pub").read_text(), read_only=False)

    def change(config: dict[str, Any]) -> None:
        config["forge"]["token"] = {"file": str(reader)}
        config["forge"]["ssh"]["privateKey"] = {"file": str(key)}
        config["applications"][0]["repositoryId"] = 987654

    try:
        _, rows = doctor("staging", "--config-file", changed(tmp_path, change), *only("forge", "git"))
    finally:
        path = f"/repos/{forge.repository}/keys"
        for each in list(forge.admin.all(path, "list deploy keys")):
            if each["title"] == "doctor":
                forge.admin.call("DELETE", f"{path}/{each['id']}", "delete a deploy key")
    assert {row["what"] for row in rows if row["state"] == "wrong"} == {
        "the repository acme/chespirito",
        "forge.token sets statuses in acme/chespirito",
        "forge.ssh.privateKey only reads acme/chespirito",
    }


def test_what_nodes_and_networks_lack_is_named(doctor: Doctor, tmp_path: Path) -> None:
    """A profile that lies on no node; a forge and an API server at addresses that no policy opens."""

    def change(config: dict[str, Any]) -> None:
        config["build"]["seccompProfile"] = "tekton-delivery/nowhere.json"
        config["forge"]["addresses"] = ["10.20.0.10/32"]
        config["cluster"]["apiServerAddresses"] = ["10.20.0.11/32"]

    _, rows = doctor("staging", "--config-file", changed(tmp_path, change), *only("pods", "network"))
    wrong = {row["what"]: row["mend"] for row in rows if row["state"] == "wrong"}
    assert any(what.startswith("pod 1 starts on ") for what in wrong)
    assert any("images/seccomp/image-build.json" in mend for mend in wrong.values())
    assert "forge.addresses" in wrong["runs reach forge-git at forge.internal:2222"]
    assert "runs reach forge-api at forge.internal:3000" in wrong
    assert "`cluster.apiServerAddresses`" in wrong["runs reach api-server at kubernetes.default.svc:443"]
    assert "NetworkPolicies hold" in {row["what"] for row in rows if row["state"] == "fine"}


def test_what_is_not_there_yet_and_who_may_nothing(doctor: Doctor, world: World, tmp_path: Path) -> None:
    """A stack that was never brought up, a forge that nobody answers for, and somebody without rights."""

    def change(config: dict[str, Any]) -> None:
        config["environments"][0] |= {"name": "newborn", "nodePorts": {}}
        config["forge"]["apiUrl"] = "http://forge.internal:9/api/v1"
        config["cluster"]["kubeconfig"] = str(stranger(world, tmp_path))

    areas = only("cluster", "rights", "tekton", "pods", "secrets", "forge")
    _, rows = doctor("staging", "--config-file", changed(tmp_path, change), *areas)
    wrong = told(rows, "wrong")
    assert any(line.startswith("forge: the forge's REST API answers at http://forge.internal:9/api/v1") for line in wrong)
    assert any(line.startswith("rights: Pulumi may get, create, patch, delete secrets in newborn-ci") for line in wrong)
    assert any(line.startswith("rights: Pulumi may grant the stack's roles in newborn") for line in wrong)
    assert any(line.startswith("pods: a namespace to try pods in") for line in told(rows, "unknown"))


def stranger(world: World, folder: Path) -> Path:
    """The kubeconfig of somebody whom the cluster knows and who may nothing: an application's own account."""
    mine = world.kubernetes.api.configuration
    path = folder / "stranger.kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "a", "cluster": {"server": mine.host, "certificate-authority": mine.ssl_ca_cert}}],
        "users": [{"name": "a", "user": {"token": world.token("staging", "default")}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    path.write_text(json.dumps(content))
    return path


def test_ctrl_c_leaves_no_namespace(world: World, resolved: list[str]) -> None:
    before = {space.metadata.name for space in spaces(world)}

    def made() -> set[str]:
        return {space.metadata.name for space in spaces(world)} - before

    # Who runs these tests in the background ignores the signal, and so would what they start.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "operate", "doctor", "staging"]
    command += [*only("pods", "network"), *resolved]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
    ) as process:
        wait_until(lambda: bool(made()), 60, "no namespace was made")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert all(space.metadata.deletion_timestamp for space in spaces(world) if space.metadata.name not in before)
