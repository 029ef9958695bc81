"""Staging on a cluster as somebody else's: a repository of its own there, and Tekton as upstream's manifests have it."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local import pulumi_stacks, second_cluster
from local.demo import DEPLOYMENT, PORTS
from local.follow import follow, wait_for_run
from local.forge import setup
from local.forge.client import PullRequest, Status
from local.kubernetes_api import condition, wait_until
from local.machine import LISTENER
from local.paths import ROOT, SECRETS
from local.progress import Progress
from local.tekton import source, stack
from tests.e2e.second_cluster import CLUSTER, Second, listener_service
from tests.e2e.world import World

STACK = "elsewhere"
REPOSITORY = f"{setup.OWNER}/elsewhere"
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
        shown = lambda: message in httpx.get(url, timeout=5, trust_env=False).text  # noqa: E731
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


def settings(config: dict[str, Any], second: Second) -> None:
    """Make of the shipped staging one of this cluster: where it is, its registries and its repository."""
    secrets = second.cluster.layout.secrets
    config["cluster"] = CLUSTER
    for place in (config["registry"], config["build"]["quarantine"]):
        folder = secrets / place["host"].partition(".")[0]
        for role in ("read", "write", "delete"):
            place[role]["password"] = {"file": str(folder / place[role]["username"])}
    (application,) = config["applications"]
    application["repository"] = REPOSITORY


@contextmanager
def staging(second: Second, world: World, folder: Path) -> Iterator[Staging]:
    """Bring it up, and have the forge tell it about its repository."""
    forge = world.machine.forge
    setup.ensure_repository(forge.admin, REPOSITORY, setup.sample_files(), SECRETS / "ssh" / "id_ed25519", QUIET)
    file = pulumi_stacks.altered("staging", folder, lambda config: settings(config, second))
    variables = pulumi_stacks.process_environment(second.cluster, world.machine.folders)
    pulumi_stacks.command(STACK, variables, "stack", "select", "--create", STACK)
    try:
        pulumi_stacks.deploy(STACK, variables | pulumi_stacks.WITHOUT_CHECKPOINTS, "--config-file", str(file))
        second.api.wait_for_deployment("staging-ci", LISTENER, seconds=90)
        port = second_cluster.SECOND_LISTENER_PORT
        second.api.core.create_namespaced_service("staging-ci", listener_service(port))
        url = f"http://{second.cluster.node_ip}:{port}"
        forge.admin.ensure_webhook(REPOSITORY, "staging", url, second.api.webhook_secret("staging-ci"))
        yield Staging(second, world)
    finally:
        # What is on the cluster goes with it.
        forge.admin.delete_repository(REPOSITORY)
        (ROOT / f"Pulumi.{STACK}.yaml").unlink(missing_ok=True)
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
