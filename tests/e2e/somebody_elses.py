"""Staging on a cluster as somebody else's: a repository of its own there, and Tekton as upstream's manifests have it."""

import json
import shlex
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from local import pulumi_stacks, second_cluster
from local.cluster.names import QUARANTINE, REGISTRY
from local.demo import PORTS
from local.follow import follow, wait_for_run
from local.forge import config as forge
from local.forge import setup
from local.forge.client import PullRequest, Status
from local.forge.server import ADMINISTRATOR
from local.kubernetes_api import condition, wait_until
from local.paths import IMAGE_REFS, ROOT, SECRETS
from local.progress import Progress
from local.tekton import source, stack
from tests.e2e.second_cluster import CLUSTER, Second, listener_service
from tests.e2e.world import World

STACK = NAME = "elsewhere"
FILE = ROOT / f"Pulumi.{STACK}.yaml"
REPOSITORY = f"{setup.OWNER}/{NAME}"
DEPLOYMENT, LISTENER = f"{NAME}-pod", f"el-{STACK}-github-el"
TOKEN = f"{NAME}-{uuid.uuid4().hex[:8]}"
QUIET = Progress(write=lambda text: None, tty=False)


@dataclass
class Staging:
    """Staging there."""

    second: Second
    world: World

    def open(self, message: str) -> PullRequest:
        """Open a pull request that changes what the page says."""
        developer, branch = self.world.machine.forge.developer, message.lower().replace(" ", "-")
        developer.commit(REPOSITORY, branch, message, {"message.txt": f"{message}\n"}, base="main")
        return developer.open_pull_request(REPOSITORY, branch, message)

    def run(self, pull_request: PullRequest, known: int = 0) -> tuple[bool, str]:
        """Wait for the run of a pull request to end; whether it succeeded, and what it and its tasks say."""
        api = self.second.api
        started = wait_for_run(api, "staging-ci", pull_request.number, known=known, seconds=60)
        succeeded, message = follow(api, started, self.world.log.append)
        tasks = api.task_runs("staging-ci", started["metadata"]["name"])
        return succeeded, "\n".join([message, *(condition(task)[1] for task in tasks)])

    def push(self, pull_request: PullRequest, message: str) -> None:
        """Add a commit to it that changes the page again."""
        self.world.machine.forge.developer.commit(REPOSITORY, pull_request.branch, message, {"message.txt": f"{message}\n"})

    def serves(self, message: str) -> None:
        """Wait until the page shows a message."""
        url = f"http://{self.second.cluster.node_ip}:{PORTS['staging']}"

        def shown() -> bool:
            try:
                return message in httpx.get(url, timeout=5, trust_env=False).text
            except httpx.HTTPError:  # a rollout is going on
                return False

        wait_until(shown, 20, f"{url} does not show {message!r}")

    def status(self, sha: str) -> Status:
        """The commit status of staging."""
        context, developer = "tekton-delivery/staging", self.world.machine.forge.developer
        wait_until(lambda: context in developer.statuses(REPOSITORY, sha), 20, f"{sha} has no status {context}")
        return developer.statuses(REPOSITORY, sha)[context]

    @property
    def image(self) -> str:
        (container,) = self.second.api.deployment("staging", DEPLOYMENT).spec.template.spec.containers
        return str(container.image)


class Commands:
    """What a person types, in the order of docs/init.md, with each value that nobody can make up."""

    def __init__(self, second: Second, world: World, folder: Path) -> None:
        self._second, self._world, self._folder = second, world, folder
        gitea, passwords = world.machine.forge, second.cluster.registry_credentials
        self.variables = pulumi_stacks.process_environment(second.cluster, world.machine.folders) | {
            "FORGE_TOKEN": gitea.admin.new_token(ADMINISTRATOR, TOKEN, ["write:repository"]),
            "STATUS_TOKEN": gitea.status_tokens["staging"].read_text().strip(),
            "REGISTRY_PASSWORD": passwords(REGISTRY)["deployer"],
            "QUARANTINE_PASSWORD": passwords(QUARANTINE)["untrusted"],
        }

    def init(self, *arguments: str) -> str:
        """`python -m operate init`; what it says."""
        command = [sys.executable, "-m", "operate", "init", STACK, *arguments]
        answer = subprocess.run(command, cwd=ROOT, env=self.variables, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def begin(self) -> None:
        """Write the stack file. Forge and registries are known by addresses that pods and this machine share."""
        address = self._world.machine.cluster.node_ip
        images, keys = self._folder / "images.txt", self._folder / "known_hosts"
        images.write_text("".join((IMAGE_REFS / name).read_text() for name in ("tools", "builder")))
        keys.write_text(self._world.machine.forge.known_hosts.read_text().replace(forge.HOST, address))
        self.init(
            *("--forge", "gitea", "--api-url", f"http://{address}:{forge.HTTP_PORT}/api/v1"),
            *("--ssh-url", f"ssh://git@{address}:{forge.SSH_PORT}", "--host-keys", str(keys)),
            *("--repository", REPOSITORY, "--kubeconfig", str(self._second.cluster.kubeconfig)),
            *("--context", self._second.cluster.layout.context),
            *("--registry", REGISTRY, "--registry-user", "deployer", "--insecure-registry"),
            *("--quarantine", QUARANTINE, "--quarantine-user", "untrusted", "--images", str(images)),
        )

    def differ(self) -> None:
        """Enter what docs/managed.md names where a cluster differs, and a port of the node to look at the page."""
        config = yaml.safe_load(FILE.read_text())
        config["config"]["tekton-delivery:cluster"] |= {key: CLUSTER[key] for key in ("apiServerPorts", "dns")}
        config["config"]["tekton-delivery:environments"][0]["nodePorts"] = {NAME: PORTS["staging"]}
        FILE.write_text(yaml.safe_dump(config))

    def up(self) -> None:
        """`pulumi up`, for a state that nobody misses."""
        pulumi_stacks.deploy(STACK, self.variables | pulumi_stacks.WITHOUT_CHECKPOINTS)

    def tell(self, url: str) -> None:
        """Register the webhook, now that the listener is known."""
        said = self.init("--listener-url", url)
        assert f"{REPOSITORY}: webhook registered" in said, said


@contextmanager
def staging(second: Second, world: World, folder: Path) -> Iterator[Staging]:
    """Bring it up from nothing by the documented commands."""
    admin = world.machine.forge.admin
    files = setup.sample_files()
    base = f"{QUARANTINE}/platform/base@{(IMAGE_REFS / 'base').read_text().strip().rpartition('@')[2]}"
    # Its own Dockerfile knows where its base is: no argument has to say it.
    files["Dockerfile"] = files["Dockerfile"].replace(f"{REGISTRY}/platform/base:1".encode(), base.encode())
    setup.ensure_repository(admin, REPOSITORY, files, SECRETS / "ssh" / "id_ed25519", QUIET)
    commands = Commands(second, world, folder)
    try:
        commands.begin()
        commands.differ()
        commands.up()
        second.api.wait_for_deployment("staging-ci", LISTENER, seconds=90)
        port = second_cluster.SECOND_LISTENER_PORT
        second.api.core.create_namespaced_service("staging-ci", listener_service(LISTENER, port))
        commands.tell(f"http://{second.cluster.node_ip}:{port}")
        yield Staging(second, world)
    finally:
        # What is on the cluster goes with it.
        admin.call("DELETE", f"/users/{ADMINISTRATOR}/tokens/{TOKEN}", f"delete the token {TOKEN}")
        admin.delete_repository(REPOSITORY)
        FILE.unlink(missing_ok=True)
        for state in pulumi_stacks.BACKEND.glob(f".pulumi/stacks/*/{STACK}.json*"):
            state.unlink()


def apply_upstreams_tekton(second: Second, world: World) -> None:
    """Apply upstream's manifests as they are, but for the images, over what is there."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": source.load(QUIET)})
    for name, image in sorted(json.loads(stack.IMAGES.read_text()).items(), reverse=True):
        text = text.replace(name, image)
    kubectl(second, world, "apply", "--server-side", "--force-conflicts", "--filename=-", given=text)
    for deployment in second.api.apps.list_namespaced_deployment("tekton-pipelines").items:
        second.api.wait_for_deployment("tekton-pipelines", deployment.metadata.name, seconds=120)


def run_documented(second: Second, world: World, begins: str) -> None:
    """Run the one command of docs/tekton.md that begins so."""
    (command,) = [line for line in (ROOT / "docs" / "tekton.md").read_text().splitlines() if line.startswith(begins)]
    kubectl(second, world, *shlex.split(command)[1:])


def kubectl(second: Second, world: World, *arguments: str, given: str = "") -> str:
    """Run kubectl as the cluster's administrator; what it prints."""
    command = [str(world.machine.folders["kubernetes"] / "kubectl"), f"--kubeconfig={second.cluster.kubeconfig}", *arguments]
    answer = subprocess.run(command, input=given, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout
