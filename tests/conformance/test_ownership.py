"""Who owns a field: the pipeline's image, another controller's replicas, and edits by hand.

The Deployments here have no replicas, so that nothing waits for pods. Each test goes on where the one before it ended.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.conftest import Kubectl, NewStack
from tests.conformance.harness import Stack
from tests.conformance.resources import Resource, deployment, kubernetes, pods, space

pytestmark = pytest.mark.conformance

NAME = {"$ref": ["space", "metadata", "name"]}
IMAGE = "spec.template.spec.containers[0].image"


def declared(full: str, limit: int, ignore: list[str] | None = None, data: str = "1") -> list[Resource]:
    app = deployment(NAME, pods("example.invalid/first:1"), replicas=0, ignore=ignore)
    app["props"]["spec"]["revisionHistoryLimit"] = limit
    return [space(full), app, kubernetes("config", "core/v1:ConfigMap", NAME, data={"a": data, "b": data})]


@pytest.fixture(scope="module")
def full(namespace: str) -> str:
    return f"{namespace}-owner"


@pytest.fixture(scope="module")
def stack(new_stack: NewStack, full: str) -> Stack:
    stack = new_stack("owner")
    stack.declare(declared(full, 1, [IMAGE]))
    run = stack.up()
    assert run.status == 0, run.output
    return stack


@pytest.fixture
def spec(full: str, kubectl: Kubectl) -> Callable[[], dict[str, Any]]:
    def read() -> dict[str, Any]:
        found = json.loads(kubectl("get", "deployment", "app", "-n", full, "-o", "json"))["spec"]
        return {**found, "image": found["template"]["spec"]["containers"][0]["image"]}

    return read


def test_the_pipelines_image_is_no_change(
    stack: Stack, full: str, kubectl: Kubectl, spec: Callable[[], dict[str, Any]]
) -> None:
    image = "app=example.invalid/deployed:2"
    kubectl("set", "image", "-n", full, "deployment/app", image, "--field-manager=tekton-delivery")
    run = stack.up("--refresh")
    assert run.status == 0, run.output
    assert run.of("app") in ([], ["refresh"], ["refresh", "found-update"])
    assert spec()["image"] == "example.invalid/deployed:2"


def test_another_edit_with_a_refresh_keeps_the_pipelines_image(
    stack: Stack, full: str, spec: Callable[[], dict[str, Any]]
) -> None:
    stack.declare(declared(full, 2, [IMAGE]))
    run = stack.up("--refresh")
    assert run.status == 0, run.output
    assert "update" in run.of("app")
    assert (spec()["image"], spec()["revisionHistoryLimit"]) == ("example.invalid/deployed:2", 2)


def test_another_edit_without_a_refresh_conflicts_and_changes_nothing(
    stack: Stack, full: str, kubectl: Kubectl, spec: Callable[[], dict[str, Any]]
) -> None:
    kubectl("set", "image", "-n", full, "deployment/app", "app=example.invalid/third:3", "--field-manager=tekton-delivery")
    stack.declare(declared(full, 3, [IMAGE]))
    run = stack.up()
    assert run.status != 0
    assert "conflict" in run.errors
    assert "tekton-delivery" in run.errors
    assert (spec()["image"], spec()["revisionHistoryLimit"]) == ("example.invalid/third:3", 2)


def test_an_ignored_path_that_another_manager_owns_is_left_to_it(
    stack: Stack, full: str, kubectl: Kubectl, spec: Callable[[], dict[str, Any]]
) -> None:
    # The container has no image that could start, so the one pod stays pending and nothing may wait for it.
    ignore = [IMAGE, "spec.progressDeadlineSeconds"]
    stack.declare(declared(full, 3, ignore))
    assert stack.up("--refresh").status == 0
    patch = json.dumps({"spec": {"progressDeadlineSeconds": 77}})
    kubectl("patch", "-n", full, "deployment", "app", "-p", patch, "--field-manager=somebody")
    stack.declare(declared(full, 4, ignore))
    run = stack.up()
    assert run.status == 0, run.output
    assert (spec()["progressDeadlineSeconds"], spec()["revisionHistoryLimit"]) == (77, 4)


def test_an_edit_by_hand_with_kubectl_is_overwritten(stack: Stack, full: str, kubectl: Kubectl) -> None:
    """What any manager called kubectl* owns, the provider takes over. Images are deployed under another name."""
    kubectl("patch", "-n", full, "configmap", "config", "-p", '{"data": {"a": "edited"}}', "--field-manager=kubectl-edit")
    stack.declare(declared(full, 4, [IMAGE], data="2"))
    run = stack.up()
    assert run.status == 0, run.output
    assert json.loads(kubectl("get", "configmap", "config", "-n", full, "-o", "json"))["data"] == {"a": "2", "b": "2"}


def test_an_object_that_exists_already_is_taken_over(stack: Stack, full: str, kubectl: Kubectl) -> None:
    kubectl(
        "create", "configmap", "foreign", "-n", full, "--from-literal=a=ours", "--field-manager=pulumi-kubernetes-12345678"
    )
    foreign = kubernetes("foreign", "core/v1:ConfigMap", NAME, data={"a": "ours"})
    stack.declare([*declared(full, 4, [IMAGE], data="2"), foreign])
    run = stack.up()
    assert run.status == 0, run.output
