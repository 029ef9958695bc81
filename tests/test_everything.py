"""The stack that uses every setting there is: what a setting promises is declared, and no setting is forgotten."""

from typing import Any

import pytest
import yaml

from components.settings.settings import Settings
from offline.reference import page
from tests.support import Declared, Object, shipped_config, stack_file
from tests.test_reference import mistakes


@pytest.fixture(scope="module")
def everything(stacks: dict[str, Declared]) -> Declared:
    return stacks["everything"]


def used(value: Any, place: page.Place, *, above: str = "") -> set[str]:
    """The parts of a place that the settings have, as far as it goes."""
    if not place:
        return {above}
    (part, *rest), key = place, place[0].removesuffix("[]")
    if part == "<name>":
        return {found for item in value.values() for found in used(item, tuple(rest), above=f"{above}.{part}")}
    if not isinstance(value, dict) or key not in value:
        return set()
    inner = value[key]
    items = inner if part.endswith("[]") else [inner]
    return {found for item in items for found in used(item, tuple(rest), above=f"{above}.{part}".lstrip("."))}


# The same model as an environment's exposure, which uses it; what the App stands here for (the shipped stacks); what fits
# only a stack that promotes (tests/test_registries.py) or adds an event (tests/test_fork.py); the other way to fetch
# (tests/test_git.py); what a volume stands here for (tests/tasks/test_build.py); the other ways to test (the shipped
# stacks, tests/test_tested.py); workloads that are somebody else's in place of what stands here (tests/test_existing.py);
# users of registries that a Secret holds (tests/test_held.py).
ELSEWHERE = (
    ("listener", "exposure", "gateway"),
    ("forge", "token"),
    ("sourceRegistry",),
    ("forge", "okToTest"),
    ("forge", "https"),
    ("build", "storage", "memory"),
    ("applications[]", "testCommand"),
    ("applications[]", "existing[]"),
    ("applications[]", "smokeCheck", "service"),
    ("applications[]", "tests", "stage"),
)


@pytest.mark.parametrize("place", [place for place, _, _ in page.rows(Settings)], ids=".".join)
def test_no_setting_is_missing_here(place: page.Place) -> None:
    held = place[-2:] == ("secret", "name")
    if not held and not any(place[: len(other)] == other for other in ELSEWHERE):
        assert used(shipped_config("everything"), place) == {".".join(place)}, f"add it to {stack_file('everything').name}"


def test_a_missing_setting_would_be_noticed() -> None:
    config = shipped_config("everything")
    assert used(config, ("forge", "ssh", "more")) == set()
    assert used(config, ("environments[]", "applications", "<name>", "more")) == set()


def pod(declared: Declared, namespace: str, name: str = "chespirito-pod") -> Object:
    found: Object = declared.one("Deployment", name, namespace)["spec"]["template"]["spec"]
    return found


def test_variables_of_an_environment_come_before_those_of_the_application(everything: Declared) -> None:
    for namespace, level in (("test", "debug"), ("live", "info")):
        container, *_ = pod(everything, namespace)["containers"]
        plain = {item["name"]: item["value"] for item in container["env"] if "value" in item}
        assert plain == {
            "PORT": "8000",
            "HEALTH_PATH": "/readyz",
            "PROBES_PORT": "8001",
            "LOG_LEVEL": level,
            "REGION": "north",
        }


def test_each_environment_has_its_own_secrets(everything: Declared) -> None:
    keys = {
        namespace: everything.one("Secret", "chespirito", namespace)["stringData"].keys() for namespace in ("test", "live")
    }
    assert keys == {"test": {"DATABASE_URL", "license.key"}, "live": {"DATABASE_URL"}}


def test_an_application_says_how_many_pods_it_has(everything: Declared) -> None:
    scales = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item["spec"].get("replicas")
        for item in everything.all("Deployment")
    }
    assert scales == {
        ("test", "chespirito-pod"): 2,
        ("live", "chespirito-pod"): 3,
        ("later-applications", "chespirito-pod"): 1,
        ("test", "chespirito-worker-pod"): 3,
        **{(name, "chespirito-worker-pod"): 1 for name in ("live", "later-applications")},
        **{(name, "chespirito-admin-pod"): 1 for name in ("test", "live", "later-applications")},
    }


def test_hosts_are_exposed_as_the_environment_says(everything: Declared) -> None:
    assert everything.one("Ingress", "chespirito", "test")["spec"]["ingressClassName"] == "traefik"
    route = everything.one("HTTPRoute", "chespirito", "live")["spec"]
    assert route["parentRefs"] == [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    assert len(everything.all("Ingress")) == 2, "the listener's is the other one"


def test_the_forge_is_told_where_the_listener_is_exposed(everything: Declared, staging: Declared) -> None:
    assert everything.recording.outputs["listener"] == "https://hooks.example"
    inside = "http://el-chespirito-github-el.staging-ci.svc.cluster.local:8080"
    assert staging.recording.outputs["listener"] == inside


def test_webhooks_of_every_size_pass_the_ingress(everything: Declared) -> None:
    ingress = everything.one("Ingress", "el-every-el", "test-ci")
    assert ingress["metadata"]["annotations"] == {
        "pulumi.com/skipAwait": "true",
        "cert-manager.io/cluster-issuer": "letsencrypt",
        "nginx.ingress.kubernetes.io/proxy-body-size": "25m",
        "example/a": "b",
    }
    assert ingress["spec"]["tls"] == [{"hosts": ["hooks.example"], "secretName": "hooks-tls"}]
    (rule,) = ingress["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"] == {"service": {"name": "el-every-el", "port": {"number": 8080}}}


def test_an_editor_accepts_it() -> None:
    assert mistakes(yaml.safe_load(stack_file("everything").read_text())) == []


def build_step(declared: Declared, name: str) -> Object:
    (found,) = (item for item in declared.one("Task", "build-chespirito")["spec"]["steps"] if item["name"] == name)
    assert isinstance(found, dict)
    return found


def test_tests_and_builds_leave_by_the_proxy_and_nobody_else(everything: Declared) -> None:
    named = "quarantine.example,mirror.example,bases.example,.corp.example,10.0.0.0/8"
    direct = f"localhost,127.0.0.1,.svc,.cluster.local,{named}"
    for step in ("test", "image"):
        env = {item["name"]: item.get("value", "") for item in build_step(everything, step)["env"]}
        for name in ("HTTP_PROXY", "https_proxy"):
            assert env[name] == "http://proxy.example:3128"
        assert env["NO_PROXY"] == env["no_proxy"] == direct
    steps = [
        step for task in everything.all("Task") if task["metadata"]["name"] != "build" for step in task["spec"]["steps"]
    ]
    told = [step["name"] for step in steps if any(item["name"] == "HTTP_PROXY" for item in step["env"])]
    assert told == ["test", "image"]
    opening = everything.one("NetworkPolicy", "runs-to-proxy", "test-ci")["spec"]
    assert opening["podSelector"]["matchExpressions"][0]["values"] == ["build"]
    assert opening["egress"][0]["ports"] == [{"protocol": "TCP", "port": 3128}]


def test_tests_and_builds_have_limits_of_their_own(everything: Declared) -> None:
    limits = {name: build_step(everything, name)["computeResources"]["limits"] for name in ("test", "image")}
    assert limits == {
        "test": {"cpu": "4", "memory": "3Gi", "ephemeral-storage": "5Gi"},
        "image": {"cpu": "3", "memory": "4Gi", "ephemeral-storage": "6Gi"},
    }
    sizes = {
        volume["name"]: volume["emptyDir"]["sizeLimit"]
        for volume in everything.one("Task", "build-chespirito")["spec"]["volumes"]
        if volume["name"] in ("source", "test")
    }
    assert sizes == {"source": "5Gi", "test": "5Gi"}
