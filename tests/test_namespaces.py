"""Environments in namespaces that are called otherwise, or are somebody else's: nothing takes one name for the other."""

import re
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
import yaml
from kubernetes import client

from components.environment import _fit
from components.settings.errors import SettingsError
from components.settings.stack import Stack
from offline.policy import violations
from offline.render import program
from offline.run import placeholder, run
from operate.cluster import Cluster
from operate.errors import OperateError
from tests.support import ROOT, Declared, Object, record_config, shipped_config, stack_config_text, texts

NAMES = {"qa": ("shop-qa", "builds"), "live": ("shop-prod", "releases")}


def config(existing: bool = True, **changed: Any) -> dict[str, Any]:
    """The stack of two environments, each in two namespaces that are called otherwise."""
    both = shipped_config("both")
    for environment in both["environments"]:
        names = zip(("workload", "delivery"), NAMES[environment["name"]], strict=True)
        environment["namespaces"] = {role: {"name": name, "existing": existing} for role, name in names} | changed
    both["applications"][0]["smokeCheck"] = {"path": "/healthz"}
    return both


@pytest.fixture(scope="module")
def stack() -> Declared:
    return record_config(config())


def test_they_are_neither_made_nor_measured(stack: Declared) -> None:
    assert stack.all("Namespace") == []
    assert stack.all("LimitRange") == [], "pods of others would get its limits"
    assert stack.names("ResourceQuota") == ["runs", "runs"], "what a stolen listener token starts is counted all the same"


def test_what_is_only_called_otherwise_is_made() -> None:
    made = record_config(config(existing=False))
    assert made.names("Namespace") == sorted(name for names in NAMES.values() for name in names)
    assert made.names("LimitRange") == ["containers"] * 4


def test_everything_is_where_it_would_be_and_nothing_names_the_others(stack: Declared) -> None:
    """The same stack, but for the names of namespaces."""
    usual, mine = record_config(config() | {"environments": _plain()}), {"qa": "shop-qa", "qa-ci": "builds"}
    mine |= {"live": "shop-prod", "live-ci": "releases"}
    left_out = ("Namespace", "LimitRange")

    def places(declared: Declared) -> list[tuple[str, str, str]]:
        return sorted(
            (item["kind"], item["metadata"]["name"], item["metadata"].get("namespace", "")) for item in declared.objects
        )

    expected = [(kind, name, mine.get(space, space)) for kind, name, space in places(usual) if kind not in left_out]
    assert places(stack) == sorted(item for item in expected if (item[0], item[1]) != ("ResourceQuota", "pods"))
    for item in stack.objects:
        for text in texts(item):
            assert not any(wrong in text for wrong in ("qa-ci", "live-ci", ".qa.svc", ".live.svc")), (
                item["kind"],
                text[:300],
            )


def _plain() -> list[Any]:
    return [{key: value for key, value in each.items() if key != "namespaces"} for each in config()["environments"]]


def env(stack: Declared, namespace: str, task: str) -> dict[str, str]:
    return {
        entry["name"]: entry.get("value", "")
        for step in stack.one("Task", task, namespace)["spec"]["steps"]
        for entry in step["env"]
    }


def test_steps_say_the_environments_name_and_deploy_to_its_namespace(stack: Declared) -> None:
    pipeline = stack.one("Pipeline", "chespirito-live-pipeline", "releases")
    given = {param["name"]: param["value"] for task in pipeline["spec"]["tasks"] for param in task["params"]}
    assert given["namespace"] == "shop-prod"
    assert given["smoke-url"] == "http://chespirito.shop-prod.svc:80/healthz"
    assert env(stack, "releases", "report")["ENVIRONMENT"] == "live"


def test_identities_are_held_in_their_own_namespaces(stack: Declared) -> None:
    (deploys,) = (
        item for item in stack.all("ValidatingAdmissionPolicy") if item["metadata"]["name"].endswith("live-deploys")
    )
    assert "system:serviceaccount:releases:deployer" in str(deploys["spec"]["matchConditions"])
    binding = stack.one("ValidatingAdmissionPolicyBinding", deploys["metadata"]["name"])
    selector = binding["spec"]["matchResources"]["namespaceSelector"]
    assert selector == {"matchLabels": {"kubernetes.io/metadata.name": "shop-prod"}}
    (bound,) = (
        item
        for item in stack.all("RoleBinding")
        if item["metadata"]["namespace"] == "shop-prod" and "deployer" in item["metadata"]["name"]
    )
    assert bound["subjects"] == [{"kind": "ServiceAccount", "name": "deployer", "namespace": "releases"}]


def test_pods_of_others_are_left_alone(stack: Declared) -> None:
    """A policy that selects all pods of a namespace would cut them off, and a Service by name alone would lead to them."""
    labels = stack.one("Deployment", "chespirito-pod", "shop-prod")["spec"]["template"]["metadata"]["labels"]
    theirs = {"app.kubernetes.io/name": "chespirito"}
    selectors = [
        item["spec"]["podSelector"].get("matchLabels", {})
        for item in stack.all("NetworkPolicy")
        if item["metadata"]["namespace"] == "shop-prod"
    ]
    selectors.append(stack.one("Service", "chespirito", "shop-prod")["spec"]["selector"])
    selectors.append(stack.one("Deployment", "chespirito-pod", "shop-prod")["spec"]["selector"]["matchLabels"])
    assert len(selectors) == 5
    for selector in selectors:
        assert selector.items() <= labels.items(), "its own pods are meant"
        assert not selector.items() <= theirs.items(), "pods of others are not"
    closed = stack.one("NetworkPolicy", "default-deny", "releases")
    assert closed["spec"]["podSelector"] == {}, "a delivery namespace is for deliveries alone"


def test_its_own_namespace_is_closed_as_ever() -> None:
    usual = record_config(config() | {"environments": _plain()})
    assert usual.one("NetworkPolicy", "default-deny", "live")["spec"]["podSelector"] == {}
    assert usual.one("Service", "chespirito", "live")["spec"]["selector"] == {"app.kubernetes.io/name": "chespirito"}
    assert (
        "tekton-delivery/delivery-namespace" not in usual.one("Deployment", "chespirito-pod", "live")["metadata"]["labels"]
    )


def test_the_listeners_address_and_its_runs_are_in_the_delivery_namespaces(stack: Declared) -> None:
    assert stack.recording.outputs["listener"] == "http://el-both-github-el.builds.svc.cluster.local:8080"
    spaces = {item["spec"]["resourcetemplates"][0]["metadata"]["namespace"] for item in stack.all("TriggerTemplate")}
    assert spaces == {"builds", "releases"}


def test_the_policy_pack_knows_where_pull_requests_run() -> None:
    """By what is declared there: a namespace of somebody else is none of the stack's resources."""
    main = program()

    def found(environment: str) -> list[str]:
        def beside() -> None:
            main(Stack.load(read=placeholder))
            labels = {"tekton-delivery/environment": environment}
            metadata = {"name": "stray", "namespace": "builds", "labels": labels}
            k8s.core.v1.Secret("stray", metadata=metadata, string_data={"token": "t"})

        return [violation.message for violation in violations(run(beside, config=stack_config_text(config())))]

    assert [message for message in found("qa") if "builds" in message] == []
    (told,) = [message for message in found("live") if "builds" in message]
    assert "builds runs pull requests of qa, and this Secret is of live" in told


def test_the_pages_example_is_right() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "namespaces.md").read_text(), re.M | re.S)
    shown = yaml.safe_load(block)["tekton-delivery:environments"]
    made = record_config(shipped_config("both") | {"environments": shown})
    assert made.names("Namespace") == ["qa", "qa-ci", "shop-prod-runs"]
    assert (
        made.one("Deployment", "chespirito-pod", "shop-prod")["metadata"]["labels"]["tekton-delivery/environment"] == "live"
    )


class Meta:
    """What Pulumi has of a namespace."""

    def __init__(self, level: str | None) -> None:
        self.labels = {"pod-security.kubernetes.io/enforce": level} if level else None


@pytest.mark.parametrize(
    ("role", "level", "found", "right"),
    [
        ("workload", "restricted", "restricted", True),
        ("workload", "restricted", "baseline", False),
        ("workload", "restricted", None, False),
        ("delivery", "baseline", "baseline", True),
        ("delivery", "baseline", "restricted", False),
        ("delivery", "baseline", "privileged", False),
        ("delivery", "restricted", "baseline", True),
        ("delivery", "restricted", "restricted", True),
        ("delivery", "restricted", None, False),
    ],
)
def test_one_that_admits_other_pods_than_it_should_ends_the_update(
    role: str, level: str, found: str | None, right: bool
) -> None:
    if right:
        assert _fit("shop", Meta(found), role, level) == "shop"
    else:
        with pytest.raises(pulumi.RunError, match="kubectl label namespace shop --overwrite pod-security"):
            _fit("shop", Meta(found), role, level)


@pytest.mark.parametrize(
    ("role", "name", "says"),
    [
        ("workload", "kube-system", "is a namespace of the cluster itself"),
        ("delivery", "default", "is a namespace of the cluster itself"),
        ("delivery", "openshift-pipelines", "is a namespace of the cluster itself"),
        ("workload", "openshift-dns", "is a namespace of the cluster itself"),
        ("delivery", "shop-qa", "is the workload namespace of qa"),
        ("workload", "builds", "is the delivery namespace of qa"),
    ],
)
def test_a_namespace_is_used_for_one_thing(role: str, name: str, says: str) -> None:
    changed = config()
    changed["environments"][1]["namespaces"][role]["name"] = name
    changed["cluster"] |= {"dns": {"namespace": "openshift-dns"}, "tektonNamespace": "openshift-pipelines"}
    with pytest.raises(SettingsError, match=rf"environments\[1\].namespaces.{role}.name = .{name}.: {says}; choose another"):
        record_config(changed)


class Api:
    """Deployments in namespaces, and where somebody may list them."""

    def __init__(self, found: dict[str, dict[str, str]], allowed: set[str]) -> None:
        self._found, self._allowed = found, allowed

    def list_namespaced_custom_object(
        self, group: str, version: str, namespace: str, plural: str, label_selector: str
    ) -> Object:
        return self._items({namespace}, namespace, label_selector)

    def list_cluster_custom_object(self, group: str, version: str, plural: str, label_selector: str) -> Object:
        return self._items(set(self._found), "*", label_selector)

    def _items(self, namespaces: set[str], right: str, selector: str) -> Object:
        if not {right, "*"} & self._allowed:
            raise client.ApiException(status=403)
        environment = selector.rpartition("=")[2]
        return {
            "items": [
                {"metadata": {"namespace": name, "labels": labels}}
                for name, labels in self._found.items()
                if name in namespaces and labels["tekton-delivery/environment"] == environment
            ]
        }


def labelled(environment: str, **more: str) -> dict[str, str]:
    return {"tekton-delivery/environment": environment} | {
        f"tekton-delivery/{key.replace('_', '-')}": more[key] for key in more
    }


FOUND = {
    "staging": labelled("staging"),
    "shop-prod": labelled("live", delivery_namespace="releases"),
    # A namespace that is called as another environment.
    "live": labelled("other"),
}


@pytest.mark.parametrize(
    ("environment", "allowed", "namespace", "places"),
    [
        ("staging", {"staging"}, None, ("staging", "staging-ci")),
        ("live", {"*"}, None, ("shop-prod", "releases")),
        ("live", {"shop-prod"}, "shop-prod", ("shop-prod", "releases")),
        ("other", {"*"}, None, ("live", "other-ci")),
        ("staging", {"staging", "shop-prod"}, "shop-prod", ("staging", "staging-ci")),
        ("nowhere", {"*"}, None, ("nowhere", "nowhere-ci")),
        ("live", {"live"}, None, ("live", "live-ci")),
    ],
)
def test_people_find_an_environment_by_its_name(
    environment: str, allowed: set[str], namespace: str | None, places: tuple[str, str]
) -> None:
    assert cluster(FOUND, allowed, namespace)._place(environment) == places


def test_two_of_one_name_are_told_apart_by_the_person() -> None:
    twice = {"a": labelled("live"), "b": labelled("live")}
    with pytest.raises(OperateError, match="several environments live; name one by --namespace: a, b"):
        cluster(twice, {"*"}, None)._place("live")
    assert cluster(twice, {"*"}, "b")._place("live") == ("b", "live-ci")


def cluster(found: dict[str, dict[str, str]], allowed: set[str], namespace: str | None) -> Cluster:
    made = Cluster.__new__(Cluster)
    made._namespace, made._places, made._objects = namespace, {}, Api(found, allowed)
    return made
