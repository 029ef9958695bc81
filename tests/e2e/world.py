"""What the end-to-end tests do again and again: pull requests, runs, signed webhooks, attempts with a stolen token."""

import contextlib
import itertools
import json
import time
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from kubernetes import client

from local.demo import DEPLOYMENT, PORTS, digest
from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.forge.setup import REPORTER, REPOSITORY
from local.kubernetes_api import Kubernetes, Object, wait_until
from local.machine import LISTENER, Machine

FIXTURES = Path(__file__).parent.parent / "fixtures"


@dataclass
class World:
    """The running embedded default, as a test uses it."""

    machine: Machine
    listeners: dict[str, str]
    """Environment to the URL at which its listener answers from here."""
    log: list[str] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def kubernetes(self) -> Kubernetes:
        return self.machine.kubernetes

    @cached_property
    def webhook_secrets(self) -> dict[str, str]:
        return {name: self.kubernetes.webhook_secret(f"{name}-ci") for name in self.listeners}

    def open(self, files: dict[str, str], title: str = "A change") -> PullRequest:
        """Open a pull request from a new branch that changes `files`."""
        developer = self.machine.forge.developer
        branch = f"e2e-{next(self._numbers)}-{uuid.uuid4().hex[:8]}"
        developer.commit(REPOSITORY, branch, title, files, base="main")
        return developer.open_pull_request(REPOSITORY, branch, title)

    def push(self, pull_request: PullRequest, files: dict[str, str]) -> str:
        """Add a commit to a pull request; its sha."""
        return self.machine.forge.developer.commit(REPOSITORY, pull_request.branch, "One more change", files)

    def merge(self, pull_request: PullRequest, style: Any = "merge") -> PullRequest:
        return self.machine.forge.developer.merge(REPOSITORY, pull_request.number, style)

    def run(self, environment: str, pull_request: PullRequest, known: int = 0) -> tuple[Object, bool, str]:
        """Wait for a pull request's run in an environment to end: the run, whether it succeeded, its message."""
        started = wait_for_run(self.kubernetes, f"{environment}-ci", pull_request.number, known=known)
        succeeded, message = follow(self.kubernetes, started, self.log.append)
        return started, succeeded, message

    def runs(self, environment: str, number: int) -> list[Object]:
        return self.kubernetes.runs(f"{environment}-ci", pull_request=str(number))

    def all_runs(self) -> set[str]:
        """The names of all runs there are, of both environments."""
        return {run["metadata"]["name"] for name in PORTS for run in self.kubernetes.runs(f"{name}-ci")}

    def page(self, environment: str) -> str:
        return httpx.get(self.machine.url(PORTS[environment]), timeout=5, trust_env=False).text

    def serves(self, environment: str, message: str) -> None:
        """Wait until an environment's page shows a message."""

        def shown() -> bool:
            try:
                return message in self.page(environment)
            except httpx.HTTPError:  # a rollout is going on
                return False

        wait_until(shown, 20, f"{environment} does not show {message!r}")

    def digest(self, environment: str) -> str:
        return digest(self.machine, environment)

    def deployment(self, environment: str) -> Any:
        return self.kubernetes.deployment(environment, DEPLOYMENT)

    def status(self, environment: str, sha: str) -> tuple[str, str]:
        """The commit status of an environment: its state and description, once there is one."""
        context, developer = f"tekton-delivery/{environment}", self.machine.forge.developer
        wait_until(lambda: context in developer.statuses(REPOSITORY, sha), 20, f"{sha} has no status {context}")
        found = developer.statuses(REPOSITORY, sha)[context]
        return found.state, found.description

    def comment(self, environment: str, pull_request: PullRequest) -> str:
        """What the comment says that an environment's account has written: there is one."""
        found = self.machine.forge.developer.comments(REPOSITORY, pull_request.number)
        (body,) = [each.body for each in found if each.user == f"{REPORTER}{environment}"]
        return body

    def logs(self, run: Object, task: str, step: str) -> str:
        """What a step of a run printed."""
        namespace = run["metadata"]["namespace"]
        (task_run,) = [
            item
            for item in self.kubernetes.task_runs(namespace, run["metadata"]["name"])
            if item["metadata"]["labels"]["tekton.dev/pipelineTask"] == task
        ]
        answer = self.kubernetes.core.read_namespaced_pod_log(
            task_run["status"]["podName"], namespace, container=f"step-{step}", _preload_content=False
        )
        # Programs print what is no text, too.
        return str(answer.data.decode(errors="replace"))

    def quiet(self, before: set[str], seconds: float = 4.0) -> None:
        """See that no run starts. Runs that do start were there 0.2 to 0.6 s after their webhook."""
        time.sleep(seconds)
        assert self.all_runs() == before, "a run was started"

    def as_account(self, namespace: str, account: str) -> client.ApiClient:
        """The API as somebody who stole a service account's token."""
        configuration = client.Configuration()
        mine = self.kubernetes.api.configuration
        configuration.host, configuration.ssl_ca_cert = mine.host, mine.ssl_ca_cert
        configuration.api_key = {"authorization": f"Bearer {self.token(namespace, account)}"}
        return client.ApiClient(configuration)

    def token(self, namespace: str, account: str, **spec: Any) -> str:
        """A token of a service account; `spec` says for whom and how it is bound."""
        values: dict[str, Any] = {"audiences": [], "expiration_seconds": 600} | spec
        wanted = client.V1TokenRequestSpec(**values)
        request = client.AuthenticationV1TokenRequest(spec=wanted)
        issued = self.kubernetes.core.create_namespaced_service_account_token(account, namespace, request)
        return str(issued.status.token)


def pods(world: World, namespace: str, application: str = "chespirito") -> list[Any]:
    """The pods of an application that nobody has told to end."""
    label = f"app.kubernetes.io/name={application}"
    found = world.kubernetes.core.list_namespaced_pod(namespace, label_selector=label).items
    return [pod for pod in found if pod.metadata.deletion_timestamp is None]


def payload(forge: str, name: str) -> dict[str, Any]:
    """A recorded webhook body."""
    loaded: dict[str, Any] = json.loads((FIXTURES / forge / f"{name}.json").read_text())
    return loaded


def expose_listener(kubernetes: Kubernetes, namespace: str) -> int:
    """Give a listener a NodePort of this suite's own: the forge reaches it inside the cluster, a test does not."""
    body = {
        "metadata": {"name": "e2e-listener"},
        "spec": {
            "type": "NodePort",
            "selector": {"eventlistener": LISTENER.removeprefix("el-")},
            "ports": [{"port": 8080, "targetPort": 8080}],
        },
    }
    try:
        service = kubernetes.core.create_namespaced_service(namespace, body)
    except client.ApiException as error:
        if error.status != 409:
            raise
        service = kubernetes.core.read_namespaced_service("e2e-listener", namespace)
    port: int = service.spec.ports[0].node_port
    return port


def await_listener(url: str) -> None:
    """Wait until a listener answers at the NodePort that it was given: kube-proxy opens it a moment later."""

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/live", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    wait_until(answers, 20, f"the listener does not answer at {url}")


def hide_listeners(kubernetes: Kubernetes) -> None:
    """Remove what `expose_listener` made in the shipped stacks."""
    for environment in PORTS:
        with contextlib.suppress(client.exceptions.NotFoundException):  # another run of the tests shared it
            kubernetes.core.delete_namespaced_service("e2e-listener", f"{environment}-ci")


def delete_ended_runs(kubernetes: Kubernetes) -> None:
    """Delete the runs of all namespaces that have ended, with their pods."""
    runs = kubernetes.custom.list_cluster_custom_object("tekton.dev", "v1", "pipelineruns")["items"]
    for run in runs:
        if "completionTime" in run.get("status", {}):
            place = (run["metadata"]["namespace"], "pipelineruns", run["metadata"]["name"])
            with contextlib.suppress(client.exceptions.NotFoundException):  # the pruner was there first
                kubernetes.custom.delete_namespaced_custom_object("tekton.dev", "v1", *place)
