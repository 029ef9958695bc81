"""Several workloads of one image: what is declared for those that follow the application's own."""

import copy
from typing import Any

import pytest
import yaml

from components.conventions import FOLLOWS
from tests.admission import refusals
from tests.support import Declared, Object, record_config, shipped_config

IMAGE = f"registry.internal:5000/chespirito@sha256:{'a' * 64}"
DEPLOYER = "system:serviceaccount:staging-ci:deployer"
WORKER = {"args": ["work"], "port": "none", "env": {"LOG_LEVEL": "warn"}}
HERE = """
env: {LOG_LEVEL: debug, REGION: north}
secrets: {env: {DATABASE_URL: {file: .local/url}, TOKEN: {file: .local/token}}}
workloads: {worker: {replicas: 3, env: {TOKEN: mine}, resources: {memory: 1Gi}}}
"""


@pytest.fixture(scope="module")
def several() -> Declared:
    config = shipped_config("staging")
    (application,) = config["applications"]
    application |= {"user": 1000, "envFrom": [{"configMapRef": {"name": "common"}}], "resources": {"memory": "64Mi"}}
    application["workloads"] = {"worker": WORKER, "admin": {"port": 9000, "user": 1001}}
    config["environments"][0]["applications"] = {"chespirito": yaml.safe_load(HERE)}
    return record_config(config)


def deployment(declared: Declared, key: str = "worker") -> Object:
    return declared.one("Deployment", f"chespirito-{key}-pod")


def container(declared: Declared, key: str = "worker") -> Object:
    (found,) = deployment(declared, key)["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_each_has_a_deployment_of_its_own_whose_image_is_the_pipelines(several: Declared) -> None:
    assert set(several.names("Deployment")) == {"chespirito-pod", "chespirito-worker-pod", "chespirito-admin-pod"}
    for key in ("worker", "admin"):
        resource = several.resource("Deployment", f"chespirito-{key}-pod")
        assert resource.ignore_changes == ("spec.template.spec.containers[0].image",)
    assert several.names("Lease") == ["chespirito-pod"]


def test_no_pod_of_one_counts_as_one_of_another(several: Declared) -> None:
    selectors = [item["spec"]["selector"]["matchLabels"] for item in several.all("Deployment")]
    for item in several.all("Deployment"):
        labels = item["spec"]["template"]["metadata"]["labels"]
        assert sum(selector.items() <= labels.items() for selector in selectors) == 1
        follows = item["metadata"]["labels"].get(FOLLOWS)
        assert follows == (None if item["metadata"]["name"] == "chespirito-pod" else "chespirito")


def test_only_what_has_a_port_is_reached(several: Declared) -> None:
    assert set(several.names("Service")) == {"chespirito", "chespirito-admin"}
    openings = {item["metadata"]["name"] for item in several.all("NetworkPolicy")}
    assert {"anyone-to-chespirito", "anyone-to-chespirito-admin"} <= openings
    assert "anyone-to-chespirito-worker" not in openings
    assert "ports" not in container(several)


def test_they_run_as_the_application_with_its_variables_before_their_own(several: Declared) -> None:
    spec = deployment(several)["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "chespirito"
    assert several.names("ServiceAccount").count("chespirito") == 1
    assert "chespirito-worker" not in several.names("Secret")
    found = container(several)
    assert found["args"] == ["work"]
    assert found["envFrom"] == [{"configMapRef": {"name": "common"}}]
    variables = [(item["name"], item.get("value")) for item in found["env"]]
    assert variables == [("LOG_LEVEL", "warn"), ("REGION", "north"), ("TOKEN", "mine"), ("DATABASE_URL", None)]
    users = [container(several, key)["securityContext"]["runAsUser"] for key in ("worker", "admin")]
    assert users == [1000, 1001]


def test_each_has_its_own_pods_and_limits(several: Declared) -> None:
    assert [deployment(several, key)["spec"]["replicas"] for key in ("worker", "admin")] == [3, 1]
    limits = [container(several, key)["resources"]["limits"]["memory"] for key in ("worker", "admin")]
    assert limits == ["1Gi", "256Mi"], "what the application's own has is not theirs"
    assert several.names("PodDisruptionBudget") == ["chespirito-worker"]


def test_pipelines_name_them_after_the_one_that_leads(several: Declared) -> None:
    expected = "chespirito-pod\nchespirito-worker-pod\nchespirito-admin-pod"
    found = [
        param["value"]
        for pipeline in several.all("Pipeline")
        for task in [*pipeline["spec"]["tasks"], *pipeline["spec"].get("finally", [])]
        for param in task.get("params", [])
        if param["name"] == "deployment"
    ]
    assert set(found) == {expected}


def test_the_deployer_may_patch_them_and_holds_the_one_lease(several: Declared) -> None:
    rules = {rule["resources"][0]: rule for rule in several.one("Role", "deployer", "staging")["rules"]}
    assert rules["deployments"]["resourceNames"] == ["chespirito-pod", "chespirito-worker-pod", "chespirito-admin-pod"]
    assert rules["leases"]["resourceNames"] == ["chespirito-pod"]


def asked(several: Declared, change: Any, notes: dict[str, str] | None = None, pod: str = "") -> list[str]:
    """What refuses a change of the worker by its deployer."""
    old = copy.deepcopy(deployment(several))
    old["metadata"] |= {"resourceVersion": "1", "generation": 1, "annotations": notes or {}}
    new = copy.deepcopy(old)
    change(new)
    return refusals(several, "tekton-delivery-staging-deploys", new, old=old, user=DEPLOYER, pod=pod)


def bring(image: str) -> Any:
    return lambda new: new["spec"]["template"]["spec"]["containers"][0].update(image=image)


def test_a_deployer_brings_what_follows_a_digest_of_the_application(several: Declared) -> None:
    assert asked(several, bring(IMAGE)) == []


@pytest.mark.parametrize(
    "change",
    [
        bring(IMAGE.replace("chespirito", "chespirito-worker")),
        bring(IMAGE.partition("@")[0] + ":main"),
        lambda new: new["metadata"]["annotations"].update({"tekton-delivery/commit": "0" * 40}),
        lambda new: new["metadata"]["annotations"].update({"tekton-delivery/hold": "{}"}),
        lambda new: new["metadata"]["labels"].pop(FOLLOWS),
        lambda new: new["spec"].update(replicas=0),
        lambda new: new["spec"]["template"]["spec"]["containers"][0].update(args=["steal"]),
    ],
)
def test_a_deployer_changes_nothing_else_of_it(several: Declared, change: Any) -> None:
    assert asked(several, change) != []


HELD = '{"by":"ana","reason":"by hand","since":"2026-11-22T12:00:00Z"}'
HELD_FOR = HELD[:-1] + ',"pullRequest":"7"}'


@pytest.mark.parametrize(
    ("hold", "pod", "refused"),
    [
        (HELD, "chespirito-staging-7-abc-stage-pod", True),
        (HELD_FOR, "chespirito-staging-7-abc-stage-pod", False),
        (HELD_FOR, "chespirito-staging-8-abc-stage-pod", True),
        (HELD_FOR, "chespirito-worker-staging-7-abc-stage-pod", True),
    ],
)
def test_a_hold_keeps_it_but_for_the_applications_own_runs(several: Declared, hold: str, pod: str, refused: bool) -> None:
    assert bool(asked(several, bring(IMAGE), {"tekton-delivery/hold": hold}, pod)) is refused


def test_an_application_that_becomes_a_workload_keeps_its_deployment(several: Declared) -> None:
    config = shipped_config("staging")
    (application,) = config["applications"]
    config["applications"] = [application, application | {"name": "chespirito-worker"}]
    former = record_config(config).resource("Deployment", "chespirito-worker-pod")
    assert former.urn.partition("::")[2] == several.resource("Deployment", "chespirito-worker-pod").urn.partition("::")[2]
    spec = [of["spec"]["selector"] for of in (deployment(several), deployment(record_config(config)))]
    assert spec[0] == spec[1], "it cannot be changed"


def test_a_stack_without_further_workloads_asks_for_none(staging: Declared) -> None:
    policy = staging.one("ValidatingAdmissionPolicy", "tekton-delivery-staging-deploys")["spec"]
    assert FOLLOWS not in str(policy)
    assert "follows" not in str(policy)
