"""What has to succeed before rollouts of the stack `both`: a command, its Jobs, and what a stolen token tries with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kubernetes import client

from local.follow import follow
from local.forge.client import PullRequest
from local.kubernetes_api import Object, wait_until
from steps.kubernetes import Access
from tests.e2e.admission import Change, put
from tests.e2e.world import World

LABEL = "tekton-delivery/before-rollout"
# Fails where its environment says so, and where what only the serving pod may have is there.
COMMAND = (
    'set -eu; test -z "${BROKEN:-}" || { echo "adding the column"; '
    'echo "column \\"$BROKEN\\" of @acme is there"; exit 3; }; '
    'echo "$TOKEN $QUEUE"; cat /etc/queue; echo; id -u >/scratch/user; test ! -e /data; test -s "$0"; echo migrated'
)
# Of no image that was ever built.
DIGEST = "a" * 64
IMAGE = f"registry.internal:5000/both/worker@sha256:{DIGEST}"

POD = ("spec", "template", "spec")
APP = (*POD, "containers", 0)


def _more(kind: str, **fields: Any) -> Change:
    def change(item: Any) -> None:
        pod = item["spec"]["template"]["spec"]
        pod[kind] = [*(pod.get(kind) or []), {"name": "more", **(fields or {"image": IMAGE})}]

    return change


# Which policies refuse what.
ATTEMPTS: dict[str, tuple[str, Change]] = {
    "other-image": ("jobs", put(*APP, "image", value=IMAGE.replace("worker", "chespirito"))),
    "tag": ("jobs", put(*APP, "image", value="registry.internal:5000/both/worker:main")),
    "other-digest": ("jobs", put(*APP, "image", value=IMAGE.replace("a" * 64, "b" * 64))),
    "other-name": ("jobs", put("metadata", "name", value="worker-" + "b" * 16)),
    "without-label": ("jobs", put("metadata", "labels", value={})),
    "label-of-another": ("jobs", put("metadata", "labels", LABEL, value="chespirito")),
    "more-labels": ("jobs", put("metadata", "labels", "more", value="x")),
    "owner": (
        "jobs",
        put("metadata", "ownerReferences", value=[{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b"}]),
    ),
    "retries": ("jobs", put("spec", "backoffLimit", value=6)),
    "time": ("jobs", put("spec", "activeDeadlineSeconds", value=86400)),
    "many": ("jobs", put("spec", "parallelism", value=9)),
    "gone-at-once": ("jobs", put("spec", "ttlSecondsAfterFinished", value=0)),
    "suspended": ("jobs", put("spec", "suspend", value=True)),
    "command": ("job-pods", put(*APP, "command", value=["sh", "-c", "env"])),
    "args": ("job-pods", put(*APP, "args", value=["x"])),
    "env": ("job-pods", put(*APP, "env", value=[])),
    "mount": ("job-pods", put(*APP, "volumeMounts", value=[])),
    "log": ("job-pods", put(*APP, "terminationMessagePolicy", value="File")),
    "service-account": ("job-pods", put(*POD, "serviceAccountName", value="default")),
    "token": ("job-pods", put(*POD, "automountServiceAccountToken", value=True)),
    "host-path": ("job-pods", _more("volumes", hostPath={"path": "/"})),
    "host-network": ("job-pods", put(*POD, "hostNetwork", value=True)),
    "node": ("job-pods", put(*POD, "nodeName", value="node")),
    "pod-time": ("job-pods", put(*POD, "activeDeadlineSeconds", value=86400)),
    "init-container": ("job-pods", _more("initContainers")),
    "served-by-the-service": (
        "job-pods",
        put("spec", "template", "metadata", "labels", "app.kubernetes.io/name", value="a"),
    ),
    "template-note": ("job-pods", put("spec", "template", "metadata", "annotations", value={"a": "b"})),
    "second-container": ("jobs job-pods", _more("containers")),
}


def declared(world: World) -> Object:
    """The Job of the worker for an image, as its deployer makes it."""
    found = world.kubernetes.core.read_namespaced_pod_template("worker-before-rollout", "qa")
    template = world.kubernetes.api.sanitize_for_serialization(found.template)
    template["spec"]["containers"][0]["image"] = IMAGE
    return {
        "metadata": {"name": f"worker-{DIGEST[:16]}", "labels": {LABEL: "worker"}},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": template["spec"]["activeDeadlineSeconds"] + 60,
            "template": template,
        },
    }


def deployer(world: World) -> Any:
    """The Jobs' API for somebody who stole the token of a deployer."""
    return client.BatchV1Api(world.as_account("qa-ci", "deployer"))


def attempt(world: World, change: Callable[[Any], None] | None = None, namespace: str = "qa") -> Callable[[], Any]:
    """What creates a Job with a stolen token. It goes through admission, and nothing is stored."""
    made = declared(world)
    if change:
        change(made)
    return lambda: deployer(world).create_namespaced_job(namespace, made, dry_run="All")


def jobs(world: World, application: str = "worker") -> list[Any]:
    batch = client.BatchV1Api(world.kubernetes.api)
    found = batch.list_namespaced_job("qa", label_selector=f"{LABEL}={application}").items
    return sorted(found, key=lambda job: job.metadata.creation_timestamp)


def said(world: World, job: Any) -> list[str]:
    """What it printed."""
    core = world.kubernetes.core
    (pod,) = core.list_namespaced_pod("qa", label_selector=f"batch.kubernetes.io/job-name={job.metadata.name}").items
    return str(core.read_namespaced_pod_log(pod.metadata.name, "qa", container="app")).splitlines()


def ended(world: World, pull_request: PullRequest, known: int = 0) -> bool:
    """Whether the worker's next run for a pull request succeeded."""

    def runs() -> list[Object]:
        found = world.kubernetes.runs("qa-ci", pull_request=str(pull_request.number))
        return [run for run in found if run["metadata"]["labels"]["app.kubernetes.io/name"] == "worker"]

    wait_until(lambda: len(runs()) > known, 30, "no run of worker was started")
    return follow(world.kubernetes, max(runs(), key=lambda run: run["metadata"]["creationTimestamp"]), world.log.append)[0]


def access(world: World, folder: Path) -> Access:
    """How a step of the deployer reaches the API server."""
    configuration = world.kubernetes.api.configuration
    (folder / "ca.crt").write_text(Path(configuration.ssl_ca_cert).read_text())
    (folder / "token").write_text(world.token("qa-ci", "deployer"))
    at = urlsplit(configuration.host)
    assert at.hostname
    assert at.port
    return Access(host=at.hostname, port=at.port, folder=folder)
