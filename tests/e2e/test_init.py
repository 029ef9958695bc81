"""`operate init` on a real forge with Pulumi's real CLI: a key that reads, a webhook that is signed, and all taken back.

The project is one of its own, whose program only tells where a listener is: what the stack file declares is tested without
a cluster (`tests/operate/test_init_keys.py`).
"""

import hashlib
import hmac
import http.server
import secrets
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import pulumi_stacks
from local.cluster.network import Namespace
from local.forge.server import ADMINISTRATOR
from local.kubernetes_api import wait_until
from local.paths import ROOT, SECRETS
from operate import __main__ as operate
from operate.init import command
from tests.e2e.test_forge import git
from tests.e2e.world import World

SECRET = "s" * 40
PROGRAM = """import pulumi

pulumi.export("listener", {url!r})
pulumi.export("webhookSecret", pulumi.Output.secret({secret!r}))
"""


@dataclass
class Heard:
    """A listener that only writes down what it hears."""

    url: str = ""
    events: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    """Of each: the event's kind, its content type, its signature and its body."""


@pytest.fixture(scope="module")
def heard(world: World) -> Iterator[Heard]:
    made = Heard()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            about = (self.headers[name] for name in ("X-GitHub-Event", "Content-Type", "X-Hub-Signature-256"))
            made.events.append((*about, body))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    cluster = world.machine.cluster
    address = (cluster.node_ip, 0)
    server = Namespace(cluster.layout.id).call(lambda: http.server.ThreadingHTTPServer(address, Handler))
    made.url = f"http://{cluster.node_ip}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Project:
    """A project of its own, and a repository."""

    world: World
    root: Path
    repository: str
    variables: dict[str, str]
    said: str = ""

    def init(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        """Run the command; what it says."""
        capsys.readouterr()
        code = operate.main(["init", "staging", *arguments])
        read = capsys.readouterr()
        self.said += read.out + read.err
        assert code == 0, read.out + read.err
        return read.out

    def pulumi(self, *arguments: str) -> str:
        run = ["pulumi", "--non-interactive", "--color", "never", *arguments]
        answer = subprocess.run(run, cwd=self.root, env=self.variables, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def registered(self, kind: str) -> list[Any]:
        """What the forge has of a kind, `keys` or `hooks`."""
        return list(self.world.machine.forge.admin.all(f"/repos/{self.repository}/{kind}", f"list {kind}"))


@pytest.fixture(scope="module")
def project(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    root, admin = tmp_path_factory.mktemp("project"), world.machine.forge.admin
    name = f"init-{secrets.token_hex(4)}"
    repository = f"acme/{name}"
    admin.ensure_repository(repository)
    admin.commit(repository, "main", "Add it", {"Dockerfile": "FROM scratch\n"})
    description = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    description["runtime"]["options"]["virtualenv"] = str(ROOT / ".venv")
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(description))
    (root / "backend").mkdir()
    machine = world.machine
    variables = pulumi_stacks.process_environment(machine.cluster, machine.folders)
    variables |= {"PULUMI_BACKEND_URL": f"file://{root}/backend", "PULUMI_CONFIG_PASSPHRASE": "of this test"}
    variables |= {
        "FORGE_TOKEN": admin.new_token(ADMINISTRATOR, name, ["write:repository"]),
        "STATUS_TOKEN": "status-token-of-this-test",
        "REGISTRY_PASSWORD": "registry-password-of-this-test",
        "QUARANTINE_PASSWORD": "quarantine-password-of-this-test",
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in variables.items():
            patch.setenv(variable, value)
        patch.setattr(command, "ROOT", root)
        yield Project(world, root, repository, variables)
    admin.call("DELETE", f"/users/{ADMINISTRATOR}/tokens/{name}", f"delete the token {name}")
    admin.delete_repository(repository)


@pytest.fixture(scope="module")
def flags(world: World, project: Project) -> list[str]:
    forge, cluster = world.machine.forge, world.machine.cluster
    images = project.root / "images.txt"
    images.write_text(
        "".join(f"registry.internal:5000/platform/{name}@sha256:{'0' * 64}\n" for name in ("tools", "builder"))
    )
    contexts = yaml.safe_load(cluster.kubeconfig.read_text())["contexts"]
    given = {
        "--forge": "gitea",
        "--api-url": f"{forge.url}/api/v1",
        "--ssh-url": "ssh://git@forge.internal:2222",
        "--host-keys": str(forge.known_hosts),
        "--repository": project.repository,
        "--kubeconfig": str(cluster.kubeconfig),
        "--context": contexts[0]["name"],
        "--registry": "registry.internal:5000",
        "--registry-user": "deployer",
        "--quarantine": "quarantine.internal:5001",
        "--quarantine-user": "untrusted",
        "--images": str(images),
    }
    return [word for pair in given.items() for word in pair] + ["--insecure-registry"]


def test_a_stack_and_its_key_from_nothing(
    project: Project, flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = project.init(capsys, *flags)
    assert f"{project.repository}: deploy key registered" in said
    assert "left 1. `pulumi up --stack staging`" in said
    text = (project.root / "Pulumi.staging.yaml").read_text()
    assert text.count("secure:") == 6
    assert "  # The deploy key only reads" in text, "the CLI keeps what stands above a key"
    (key,) = project.registered("keys")
    assert (key["title"], key["read_only"]) == ("tekton-delivery staging", True)
    private = tmp_path / "key"
    private.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
    private.write_text(project.pulumi("config", "get", "deployKey", "--stack", "staging").strip() + "\n")
    machine = project.world.machine
    ssh_url, _ = machine.forge.admin.clone_urls(project.repository)
    cloned = git(machine.forge, machine.cluster, private, "clone", ssh_url, "clone", cwd=tmp_path)
    assert cloned.returncode == 0, cloned.stderr
    pushed = git(machine.forge, machine.cluster, private, "push", "origin", "HEAD:refs/heads/mine", cwd=tmp_path / "clone")
    assert pushed.returncode != 0
    assert "not authorized to write" in pushed.stderr


def test_cosign_takes_the_mark_key(project: Project) -> None:
    folder = project.root / "mark"
    folder.mkdir()
    (folder / "cosign.key").write_text(project.pulumi("config", "get", "markKey", "--stack", "staging"))
    password = project.pulumi("config", "get", "markPassword", "--stack", "staging").strip()
    cosign = project.world.machine.folders["cosign"] / "cosign"
    for given, right in ((password, True), (f"{password}x", False)):
        answer = subprocess.run(
            [cosign, "public-key", "--key", "cosign.key"],
            cwd=folder,
            env={"COSIGN_PASSWORD": given, "HOME": str(folder)},
            capture_output=True,
            text=True,
        )
        assert (answer.returncode == 0) is right, answer.stderr
        assert answer.stdout.startswith("-----BEGIN PUBLIC KEY-----") is right


def test_after_pulumi_up_the_forge_tells_the_listener_and_signs(
    project: Project, heard: Heard, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.root / "__main__.py").write_text(PROGRAM.format(url=heard.url, secret=SECRET))
    project.pulumi("up", "--stack", "staging", "--yes", "--skip-preview")
    assert f"{project.repository}: webhook registered" in project.init(capsys)
    (hook,) = project.registered("hooks")
    assert (hook["active"], hook["config"]["content_type"]) == (True, "json")
    forge = project.world.machine.forge
    forge.admin.commit(project.repository, "change", "Change it", {"message.txt": "Changed\n"}, base="main")
    forge.admin.open_pull_request(project.repository, "change", "A change")
    wait_until(lambda: {"push", "pull_request"} <= {event[0] for event in heard.events}, 20, "the forge told nothing")
    for _, content_type, signature, body in heard.events:
        assert content_type == "application/json"
        assert signature == f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"


def test_a_second_run_changes_nothing(project: Project, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    before = [project.registered("keys"), project.registered("hooks")]
    text = (project.root / "Pulumi.staging.yaml").read_text()
    said = project.init(capsys, *flags)
    assert {line for line in said.splitlines() if not line.endswith("unchanged")} == set()
    assert [project.registered("keys"), project.registered("hooks")] == before
    assert (project.root / "Pulumi.staging.yaml").read_text() == text


def test_a_key_that_may_write_and_a_dead_webhook_are_mended(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    admin = project.world.machine.forge.admin
    (key,), (hook,) = project.registered("keys"), project.registered("hooks")
    admin.call("DELETE", f"/repos/{project.repository}/keys/{key['id']}", "delete the key")
    wrong = {"title": "by hand", "key": key["key"], "read_only": False}
    admin.call("POST", f"/repos/{project.repository}/keys", "register a key", json=wrong)
    admin.call("PATCH", f"/repos/{project.repository}/hooks/{hook['id']}", "end the webhook", json={"active": False})
    said = project.init(capsys)
    assert f"{project.repository}: deploy key mended" in said
    assert f"{project.repository}: webhook mended" in said
    assert [each["read_only"] for each in project.registered("keys")] == [True]
    assert [each["active"] for each in project.registered("hooks")] == [True]


def test_a_webhooks_secret_and_the_mark_are_exchanged_in_the_stack_file(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = project.pulumi("config", "get", "markKey", "--stack", "staging")
    project.init(capsys, "--rotate", "webhook")
    config = yaml.safe_load((project.root / "Pulumi.staging.yaml").read_text())["config"]
    assert config["tekton-delivery:listener"]["webhookSecret"] == {"acceptPrevious": True, "generation": 2}
    assert "BEGIN PUBLIC KEY" in project.init(capsys, "--rotate", "mark")
    assert project.pulumi("config", "get", "markKey", "--stack", "staging") != before
    assert "take `listener.webhookSecret.acceptPrevious` out" in project.init(capsys)


def test_it_takes_back_its_own_and_leaves_others(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    admin = project.world.machine.forge.admin
    admin.ensure_webhook(project.repository, "theirs", "http://192.0.2.1/", "secret")
    admin.ensure_deploy_key(project.repository, "theirs", (SECRETS / "ssh" / "id_ed25519.pub").read_text())
    assert f"{project.repository}: webhook and deploy key taken away" in project.init(capsys, "--remove")
    assert [key["title"] for key in project.registered("keys")] == ["theirs"]
    assert [hook["config"]["url"] for hook in project.registered("hooks")] == ["http://192.0.2.1/"]


def test_nothing_that_was_said_holds_a_secret(project: Project) -> None:
    private = project.pulumi("config", "get", "deployKey", "--stack", "staging")
    assert "unchanged" in project.said
    for secret in (
        *private.splitlines()[1:-1],
        SECRET,
        *(project.variables[name] for name in ("FORGE_TOKEN", "STATUS_TOKEN")),
    ):
        assert secret not in project.said


def test_without_the_right_to_administer_nothing_is_made(
    project: Project, flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = project.world.machine.forge.status_tokens["staging"].read_text().strip()
    project.world.machine.forge.admin.ensure_collaborator(project.repository, "reporter-staging", "write")
    monkeypatch.setenv("FORGE_TOKEN", token)
    before = [project.registered("keys"), project.registered("hooks")]
    other = project.root / "elsewhere"
    other.mkdir()
    shutil.copy(project.root / "Pulumi.yaml", other)
    monkeypatch.setattr(command, "ROOT", other)
    assert operate.main(["init", "staging", *flags]) == 1
    assert "$FORGE_TOKEN does not administer" in capsys.readouterr().err
    assert [project.registered("keys"), project.registered("hooks")] == before
    assert not (other / "Pulumi.staging.yaml").exists()
