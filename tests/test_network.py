"""Network policies as declarations: all is closed, and each opening is for those pods that need it."""

from typing import Any

import pytest

from components import sources
from components.conventions import CA_BUNDLE
from components.credential import BY_VOLUME
from components.network import port
from offline.policy import violations
from tests.support import STACKS, Declared, Object, both_environments, record_config, shipped_config

TASK = "tekton.dev/pipelineTask"


def policies(stack: Declared, namespace: str) -> dict[str, Object]:
    return {
        item["metadata"]["name"]: item["spec"]
        for item in stack.all("NetworkPolicy")
        if item["metadata"]["namespace"] == namespace
    }


def reached(stack: Declared, namespace: str, labels: dict[str, str]) -> set[int]:
    """The ports to which a pod with these labels may open connections, the DNS aside."""
    return {
        item["port"]
        for spec in policies(stack, namespace).values()
        if selects(spec["podSelector"], labels)
        for rule in spec.get("egress", [])
        for item in rule["ports"]
    } - {53}


def selects(selector: Object, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(
        item["operator"] == "In" and labels.get(item["key"]) in item["values"]
        for item in selector.get("matchExpressions", [])
    )


@pytest.mark.parametrize("name", STACKS)
def test_both_namespaces_are_closed_in_both_directions(stacks: dict[str, Declared], name: str) -> None:
    for namespace in (name, f"{name}-ci"):
        closed = policies(stacks[name], namespace)["default-deny"]
        assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_opening_names_ports(stack: Declared) -> None:
    for item in stack.all("NetworkPolicy"):
        spec = item["spec"]
        for direction in ("ingress", "egress"):
            assert (direction in spec) == (
                direction.title() in spec["policyTypes"] and "deny" not in item["metadata"]["name"]
            )
            for rule in spec.get(direction, []):
                assert rule["ports"], item["metadata"]["name"]


def test_only_the_cluster_dns_is_open_to_all(stack: Declared) -> None:
    for item in stack.all("NetworkPolicy"):
        if item["spec"]["podSelector"] == {} and "egress" in item["spec"]:
            assert item["metadata"]["name"] == "all-to-dns"
            pods, *resolvers = item["spec"]["egress"]
            (peer,) = pods["to"]
            where = "openshift-dns" if stack.recording.stack == "everything" else "kube-system"
            assert peer == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": where}}}
            assert len(resolvers) == (stack.recording.stack == "everything"), "only what the settings name"


CLUSTER = {
    "apiServerPorts": [443, 8443],
    "dns": {"namespace": "openshift-dns", "port": 5353, "addresses": ["169.254.20.10", "fd00:96::a"]},
    "tektonNamespace": "openshift-pipelines",
}


def test_the_name_service_is_where_the_settings_say() -> None:
    stack = record_config(shipped_config("staging") | {"cluster": CLUSTER})
    for namespace in ("staging", "staging-ci"):
        pods, resolvers = policies(stack, namespace)["all-to-dns"]["egress"]
        assert pods["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-dns"}}}]
        ports = {(item["protocol"], item["port"]) for item in pods["ports"]}
        assert ports == {(protocol, number) for protocol in ("UDP", "TCP") for number in (53, 5353)}
        assert resolvers["to"] == [{"ipBlock": {"cidr": "169.254.20.10/32"}}, {"ipBlock": {"cidr": "fd00:96::a/128"}}]
        assert {item["port"] for item in resolvers["ports"]} == {53}, "beside them is what hands out a node's credentials"
    assert [found.message for found in violations(stack.recording)] == []


def test_the_api_server_and_tekton_are_where_the_settings_say() -> None:
    stack = record_config(shipped_config("staging") | {"cluster": CLUSTER})
    listener = {"eventlistener": "chespirito-github-el"}
    assert reached(stack, "staging-ci", listener) - {5353} == {443, 8443}
    assert reached(stack, "staging-ci", {"app.kubernetes.io/component": "pruner"}) - {5353} == {443, 8443}
    (rule,) = policies(stack, "staging-ci")["listener-to-interceptors"]["egress"]
    (peer,) = rule["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "openshift-pipelines"}


API, GIT, FORGE, REGISTRY, QUARANTINE = {443, 6443}, {2222}, {3000}, {5000}, {5001}


@pytest.mark.parametrize(
    ("environment", "task", "expected"),
    [
        ("staging", "build", GIT | QUARANTINE),
        ("staging", "stage", API | GIT | REGISTRY | QUARANTINE),
        ("staging", "supersede", API | FORGE),
        ("staging", "restore", API),
        ("staging", "report", API | FORGE),
        ("production", "promote", API | GIT | REGISTRY),
        ("production", "report", API | FORGE),
        ("staging", "base-moved", GIT | FORGE),
    ],
)
def test_a_run_reaches_what_it_needs(stacks: dict[str, Declared], environment: str, task: str, expected: set[int]) -> None:
    assert reached(stacks[environment], f"{environment}-ci", {TASK: task}) == expected


@pytest.mark.parametrize("name", STACKS)
def test_every_task_that_a_pipeline_runs_is_known_here(stacks: dict[str, Declared], name: str) -> None:
    for task in stacks[name].names("Task"):
        assert reached(stacks[name], f"{name}-ci", {TASK: task}), (
            f"{task} reaches nothing: is what it mounts in components/credential.py?"
        )


def test_pods_are_selected_by_the_names_that_pipelines_give_their_tasks(stack: Declared) -> None:
    """Tekton labels a pod with the pipeline task's name; here that is the Task's own, or begins it."""
    for pipeline in stack.all("Pipeline"):
        application = pipeline["metadata"]["name"].partition("-")[0]
        for task in (*pipeline["spec"]["tasks"], *pipeline["spec"].get("finally", [])):
            assert task["taskRef"]["name"] in (task["name"], f"{task['name']}-{application}")


def test_whatever_a_task_holds_a_credential_for_is_an_opening(stack: Declared) -> None:
    for task in stack.all("Task"):
        for volume in task["spec"].get("volumes", []):
            assert {"emptyDir", "ephemeral"} & volume.keys() or volume["name"] in {*BY_VOLUME, CA_BUNDLE, sources.VOLUME}, (
                volume
            )


def test_pull_request_code_does_not_reach_the_api_server(staging: Declared) -> None:
    assert not reached(staging, "staging-ci", {TASK: "build"}) & API


@pytest.mark.parametrize("name", STACKS)
def test_the_listener_hears_events_and_reaches_interceptors_and_the_api_server(
    stacks: dict[str, Declared], name: str
) -> None:
    labels = {"eventlistener": "chespirito-github-el"}
    found = policies(stacks[name], f"{name}-ci")
    assert found["anyone-to-listener"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8080}]}]
    assert found["anyone-to-listener"]["podSelector"] == {"matchLabels": labels}
    assert reached(stacks[name], f"{name}-ci", labels) == {8443} | API
    (rule,) = found["listener-to-interceptors"]["egress"]
    (peer,) = rule["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "tekton-pipelines"}


@pytest.mark.parametrize("name", STACKS)
def test_an_application_is_reached_on_its_port_only(stacks: dict[str, Declared], name: str) -> None:
    spec = policies(stacks[name], name)["anyone-to-chespirito"]
    assert spec["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8080}]}]
    assert selects(spec["podSelector"], stacks[name].one("Deployment")["spec"]["template"]["metadata"]["labels"])


def test_ports_follow_the_settings() -> None:
    config: dict[str, Any] = shipped_config("staging")
    config["forge"] = config["forge"] | {"kind": "github", "apiUrl": "https://api.github.com"}
    config["forge"]["ssh"] = config["forge"]["ssh"] | {"url": "ssh://git@github.com"}
    config["registry"] = config["registry"] | {"host": "ghcr.io", "insecure": False}
    stack = record_config(config)
    assert reached(stack, "staging-ci", {TASK: "build"}) == {22} | QUARANTINE
    assert reached(stack, "staging-ci", {TASK: "report"}) == API
    assert reached(stack, "staging-ci", {TASK: "stage"}) == API | {22} | QUARANTINE


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ssh://git@github.com", 22),
        ("https://ghcr.io", 443),
        ("http://registry", 80),
        ("http://forge.internal:3000/api/v1", 3000),
    ],
)
def test_the_port_of_a_url(url: str, expected: int) -> None:
    assert port(url) == expected


def test_one_stack_with_both_environments_has_one_listener_to_open() -> None:
    both = both_environments()
    assert "anyone-to-listener" in policies(both, "staging-ci")
    assert "anyone-to-listener" not in policies(both, "production-ci")
