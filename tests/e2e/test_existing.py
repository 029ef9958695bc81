"""Workloads that are somebody else's: a Deployment and a StatefulSet, applied by kubectl, run an application's one image.

The stack `both` delivers to them, from an image by tag on: a rollout that fails goes back to that, the next one is promoted.
"""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from local.demo import APPLICATION
from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.kubernetes_api import Object
from tests.e2e.admission import refused
from tests.e2e.people import Person
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.world import World

WEB, MAIL = "shop-web", "shop-mail"
TAG, BROKEN = "registry.internal:5000/platform/base:1", "broken mail"
NAMESPACES = ("qa", "live")
FOLDER = "/opt/chespirito"
SERVE = (
    f"[ -e {FOLDER}/serve.sh ] || exec busybox httpd -f -p 8080 -h /tmp; "
    f"case $0 in mail) ! grep -q '{BROKEN}' {FOLDER}/message.txt || exit 1 ;; esac; exec sh {FOLDER}/serve.sh"
)


def chart() -> list[Object]:
    """What somebody else has in a namespace."""

    def workload(kind: str, name: str, container: str, **spec: Any) -> Object:
        labels = {"app": name}
        shut = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        run = {
            "name": container,
            "image": TAG,
            "command": ["sh", "-c", SERVE, container],
            "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
            "securityContext": shut,
        }
        pod = {
            "imagePullSecrets": [{"name": "registry-pull"}],
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [run],
        }
        template = {"metadata": {"labels": labels}, "spec": pod}
        metadata = {"name": name, "annotations": {"chart": "shop"}}
        more = {"selector": {"matchLabels": labels}, "template": template} | spec
        return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": more}

    selector = {"app": WEB}
    return [
        workload("Deployment", WEB, "web"),
        workload("StatefulSet", MAIL, "mail", podManagementPolicy="Parallel", serviceName=MAIL),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": WEB},
            "spec": {"selector": selector, "ports": [{"port": 8000, "targetPort": 8080}]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": WEB},
            "spec": {"podSelector": {"matchLabels": selector}, "ingress": [{"ports": [{"port": 8080}]}]},
        },
    ]


def apply(world: World, namespace: str) -> None:
    kubectl = world.machine.folders["kubernetes"] / "kubectl"
    command = [
        str(kubectl),
        f"--kubeconfig={world.machine.cluster.kubeconfig}",
        f"--namespace={namespace}",
        "apply",
        "-f",
        "-",
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": chart()})
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)


@pytest.fixture(scope="module")
def theirs(world: World, pulumi: Pulumi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    def change(settings: dict[str, Any]) -> None:
        for environment in settings["environments"]:
            environment["rolloutTimeout"] = "20s"
        (application,) = settings["applications"]
        del application["healthPath"]
        application["existing"] = [
            {"name": WEB, "containers": ["web"]},
            {"kind": "StatefulSet", "name": MAIL, "containers": ["mail"]},
        ]
        application["smokeCheck"] = {"path": "/healthz", "contains": "ok", "service": f"{WEB}:8000"}

    file = altered("both", tmp_path_factory.mktemp("existing"), change)
    with stack(pulumi, "both", file, beside=True), heard(world, "both", "qa", "el-both-github-el"):
        for namespace in NAMESPACES:
            apply(world, namespace)
        yield


def images(world: World, namespace: str) -> tuple[str, str]:
    """What both run."""
    web = world.kubernetes.apps.read_namespaced_deployment(WEB, namespace)
    mail = world.kubernetes.apps.read_namespaced_stateful_set(MAIL, namespace)
    return tuple(each.spec.template.spec.containers[0].image for each in (web, mail))  # type: ignore[return-value]


def running(world: World, namespace: str, name: str) -> set[str]:
    """What the pods run that there are."""
    pods = world.kubernetes.core.list_namespaced_pod(namespace, label_selector=f"app={name}").items
    return {pod.spec.containers[0].image for pod in pods if pod.metadata.deletion_timestamp is None}


def ended(world: World, namespace: str, pull_request: PullRequest, known: int = 0) -> bool:
    run = wait_for_run(world.kubernetes, f"{namespace}-ci", pull_request.number, known=known)
    succeeded, told = follow(world.kubernetes, run, world.log.append)
    world.log.append(told)
    return succeeded


@pytest.fixture(scope="module")
def delivered(world: World, theirs: None) -> PullRequest:
    """One that fails is mended, and merged."""
    pull_request = world.open({"message.txt": f"With {BROKEN}\n"})
    assert not ended(world, "qa", pull_request), world.log
    refused = world.status("qa", pull_request.head_sha)[1]
    assert refused.startswith(f"{MAIL}: not ready")
    assert "; restored" in refused
    assert images(world, "qa") == (TAG, TAG), "each is back at the image by tag"
    assert running(world, "qa", MAIL) == {TAG}
    head = world.push(pull_request, {"message.txt": "With mended mail\n"})
    assert ended(world, "qa", pull_request, known=1), world.log
    world.merge(pull_request)
    assert ended(world, "live", pull_request), (head, world.log)
    return pull_request


def test_both_run_what_was_merged_and_keep_what_is_theirs(world: World, delivered: PullRequest) -> None:
    (image, other), staged = images(world, "live"), images(world, "qa")
    assert (image, image) == (image, other) == staged
    assert image.startswith("registry.internal:5000/both/chespirito@sha256:")
    for namespace in NAMESPACES:
        for name in (WEB, MAIL):
            assert running(world, namespace, name) == {image}
    web = world.kubernetes.apps.read_namespaced_deployment(WEB, "live").metadata.annotations
    mail = world.kubernetes.apps.read_namespaced_stateful_set(MAIL, "live").metadata.annotations
    assert (web["chart"], mail["chart"]) == ("shop", "shop")
    assert "tekton-delivery/history" in web
    assert [name for name in mail if name.startswith("tekton-delivery/")] == ["tekton-delivery/before"]


@pytest.mark.parametrize("name", [WEB, MAIL])
def test_a_stolen_token_does_no_more_to_each_kind(world: World, delivered: PullRequest, name: str) -> None:
    thief: Any = client.AppsV1Api(world.as_account("live-ci", "deployer"))
    kind, container = ("deployment", "web") if name == WEB else ("stateful_set", "mail")
    image = images(world, "live")[0]

    def change(body: Object, verb: str = f"patch_namespaced_{kind}") -> Any:
        return getattr(thief, verb)(name, "live", body, dry_run="All", field_manager="tekton-delivery")

    def bring(image: str, **more: Any) -> Object:
        return {"spec": {"template": {"spec": {"containers": [{"name": container, "image": image} | more]}}}}

    digest = image.partition("@")[0] + "@sha256:" + "a" * 64
    assert change(bring(digest)), "the control"
    assert change(bring(TAG)), "what ran before the first delivery may come back"
    for body, says in (
        (bring(TAG.replace(":1", ":2")), "by digest"),
        (bring(image.partition("@")[0] + ":main"), "by digest"),
        (bring(image.replace("/chespirito@", "/other@")), "by digest"),
        (bring(image, command=["sh"]), "nothing of a workload but the image"),
        ({"spec": {"replicas": 0}}, "nothing of a workload but the image"),
        ({"metadata": {"annotations": {"chart": None}}}, "annotations"),
        ({"metadata": {"annotations": {"tekton-delivery/hold": "{}"}}}, "hold"),
    ):
        assert says in refused(lambda body=body: change(body), "live-deploys-existing")  # type: ignore[misc]
    with pytest.raises(client.ApiException) as scale:
        change({"spec": {"replicas": 0}}, f"patch_namespaced_{kind}_scale")
    assert scale.value.status == 403


def test_what_somebody_else_has_taken_back_is_shown(
    world: World, delivered: PullRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    admin = Person("admin", world.machine.cluster.kubeconfig, world)
    before, image = admin.operate(capsys, "history", "live", APPLICATION)[1], images(world, "live")[0]
    assert f"serves {image}" in before
    assert f"with it {MAIL}" in before
    assert "no delivery put there" not in before
    apply(world, "live")
    assert images(world, "live") == (TAG, TAG), "what is applied names the image"
    after = admin.operate(capsys, "history", "live", APPLICATION)[1]
    assert f"serves {TAG}" in after
    assert "which no delivery put there" in after
