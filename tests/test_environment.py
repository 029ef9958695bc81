"""An environment: two namespaces, each with the Pod Security level that its pods need and no more."""

import pytest

from components.environment import Environment, EnvironmentArgs
from tests.support import Declared, declare

POD_SECURITY = "pod-security.kubernetes.io"


def environment(*, builds_images: bool = True, max_pods: int = 20, frozen: str | None = None) -> Declared:
    args = EnvironmentArgs(
        name="staging",
        delivery_namespace="staging-ci",
        builds_images=builds_images,
        max_pods=max_pods,
        max_runs=150,
        frozen=frozen,
    )
    return declare(lambda: Environment("staging", args))


def level(declared: Declared, namespace: str, mode: str) -> str:
    labels: dict[str, str] = declared.one("Namespace", namespace)["metadata"]["labels"]
    return labels[f"{POD_SECURITY}/{mode}"]


def test_applications_and_their_delivery_live_apart() -> None:
    assert environment().names("Namespace") == ["staging", "staging-ci"]


@pytest.mark.parametrize("builds_images", [True, False])
def test_applications_always_run_restricted(builds_images: bool) -> None:
    assert level(environment(builds_images=builds_images), "staging", "enforce") == "restricted"


@pytest.mark.parametrize(("builds_images", "expected"), [(True, "baseline"), (False, "restricted")])
def test_only_where_images_are_built_the_level_is_lower(builds_images: bool, expected: str) -> None:
    assert level(environment(builds_images=builds_images), "staging-ci", "enforce") == expected


def test_what_would_not_be_restricted_is_warned_about_and_audited_everywhere() -> None:
    for namespace in ("staging", "staging-ci"):
        for mode in ("warn", "audit"):
            assert level(environment(), namespace, mode) == "restricted"


def test_each_namespace_has_a_quota_of_pods() -> None:
    quotas = [item for item in environment(max_pods=7).all("ResourceQuota") if item["metadata"]["name"] == "pods"]
    assert {item["metadata"]["namespace"]: item["spec"]["hard"] for item in quotas} == {
        "staging": {"pods": "7"},
        "staging-ci": {"pods": "7"},
    }


def test_runs_are_counted_where_they_are_started() -> None:
    (quota,) = [item for item in environment().all("ResourceQuota") if item["metadata"]["name"] == "runs"]
    assert quota["metadata"]["namespace"] == "staging-ci"
    assert quota["spec"]["hard"] == {"count/pipelineruns.tekton.dev": "150"}


def test_the_quota_of_runs_leaves_room_for_what_the_pruner_has_not_yet_deleted(single: Declared) -> None:
    """The pruner comes once an hour."""
    (quota,) = [item for item in single.all("ResourceQuota") if item["metadata"]["name"] == "runs"]
    assert quota["spec"]["hard"] == {"count/pipelineruns.tekton.dev": "200"}, "one application, keepRuns 50"


def test_a_container_without_limits_gets_some() -> None:
    for item in environment().all("LimitRange"):
        (limit,) = item["spec"]["limits"]
        assert limit["type"] == "Container"
        assert limit["default"]["memory"]
        assert limit["defaultRequest"].keys() == {"cpu", "memory"}


def test_what_is_in_a_namespace_waits_for_it() -> None:
    """The name handed on is the created namespace's, not a text: nothing is created in one that is not there yet."""
    declared = environment()
    namespaces = {resource.urn for resource in declared.recording.of_type("kubernetes:core/v1:Namespace")}
    for resource in declared.recording.of_type("kubernetes:core/v1:ResourceQuota"):
        assert set(resource.dependencies) & namespaces, resource.urn


@pytest.mark.parametrize(("frozen", "expected"), [(None, {}), ("stock-taking", {"tekton-delivery/frozen": "stock-taking"})])
def test_the_switch_that_freezes_an_environment_is_there_and_its_data_belongs_to_people(
    frozen: str | None, expected: dict[str, str]
) -> None:
    declared = environment(frozen=frozen)
    switch = declared.one("ConfigMap", "freeze")
    assert switch["metadata"]["namespace"] == "staging"
    assert switch["metadata"].get("annotations", {}) == expected
    assert "data" not in switch
    assert declared.resource("ConfigMap", "freeze").ignore_changes == ("data",)
