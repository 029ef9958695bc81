"""What surrounds a GitHub App's stack in the tests: its key, people's words, the clock and what the forge has been told."""

import json
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client

from local.cluster.network import Namespace
from local.forge.client import PullRequest
from local.forge.replay import send
from local.forge.setup import REPOSITORY
from local.kubernetes_api import wait_until
from tests.e2e.world import World


@dataclass
class Delivered:
    """A pull request that was delivered, and its run."""

    pull_request: PullRequest
    run: dict[str, Any]


def key_pair(path: Path) -> Path:
    """Make an App's private key as GitHub gives it. Return the file of its public half."""
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", path, "2048"], check=True, capture_output=True)
    public = path.with_suffix(".pub")
    subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-out", public], check=True, capture_output=True)
    return public


def ok_to_test(world: World, listener: str, number: int, sha: str) -> int:
    """Comment on a pull request, and send that as GitHub does. Return the comment's number."""
    developer = world.machine.forge.developer
    path = f"/repos/{REPOSITORY}/issues/{number}/comments"
    written = developer.call("POST", path, f"comment on {number}", json={"body": f"/ok-to-test {sha}"})
    user = {"login": developer.user, "id": written["user"]["id"]}
    body = {
        "action": "created",
        "repository": {"full_name": REPOSITORY},
        "issue": {"number": number, "state": "open", "pull_request": {}},
        "comment": {
            "id": written["id"],
            "user": user,
            "body": f"/ok-to-test {sha}",
            "created_at": "2026-01-02T03:04:05Z",
            "author_association": "MEMBER",
        },
        "sender": user,
    }
    url = f"http://{world.kubernetes.service_address('qa-ci', listener)}:8080"
    secret = world.kubernetes.webhook_secret("qa-ci")
    # From inside the cluster, where the Service has an address.
    inside = Namespace(world.machine.cluster.layout.id)
    inside.call(lambda: send(json.dumps(body).encode(), url=url, secret=secret, event="issue_comment"))
    return int(written["id"])


def said(world: World, pull_request: PullRequest) -> dict[str, tuple[str, str]]:
    """The statuses of a pull request's head by context: state and description."""
    found = world.machine.forge.developer.statuses(REPOSITORY, pull_request.head_sha)
    return {context.removeprefix("tekton-delivery/"): (each.state, each.description) for context, each in found.items()}


def retold(world: World) -> None:
    """Have the CronJob `teller` do its work now."""
    batch: Any = client.BatchV1Api(world.kubernetes.api)
    spec = batch.read_namespaced_cron_job("teller", "qa-ci").spec.job_template.spec
    name = f"teller-{uuid.uuid4().hex[:8]}"
    batch.create_namespaced_job("qa-ci", {"metadata": {"name": name}, "spec": spec})
    try:
        wait_until(lambda: batch.read_namespaced_job(name, "qa-ci").status.succeeded, 60, "the teller did not succeed")
    finally:
        batch.delete_namespaced_job(name, "qa-ci", propagation_policy="Background")


def build_pod(world: World, delivered: Delivered) -> dict[str, Any]:
    """The pod with a delivery's pull-request code, as somebody would make it again by the name of `probe`."""
    run = delivered.run["metadata"]["name"]
    found: Any = world.kubernetes.core.list_namespaced_pod(
        "qa-ci", label_selector=f"tekton.dev/pipelineRun={run},tekton.dev/pipelineTask=build"
    )
    pod: dict[str, Any] = world.kubernetes.api.sanitize_for_serialization(found.items[0])
    pod["metadata"] = {"name": "probe", "labels": pod["metadata"]["labels"]}
    del pod["spec"]["nodeName"], pod["status"]
    return pod
