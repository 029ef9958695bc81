"""Workloads that are somebody else's: what is declared beside them, and what a deployer may do to them."""

import copy
from typing import Any

import pytest

from tests.admission import refusals
from tests.support import Declared, Object, existing_workloads

IMAGE = f"registry.internal:5000/chespirito@sha256:{'a' * 64}"
TAG = "registry.internal:5000/chespirito:1.4"
DEPLOYER = "system:serviceaccount:staging-ci:deployer"


@pytest.fixture(scope="module")
def theirs() -> Declared:
    return existing_workloads()


def test_nothing_of_the_application_is_declared_but_its_lease(theirs: Declared) -> None:
    for kind in ("Deployment", "StatefulSet", "Service", "HorizontalPodAutoscaler"):
        assert [item for item in theirs.all(kind) if item["metadata"]["namespace"] == "staging"] == []
    assert "chespirito" not in theirs.names("ServiceAccount")
    (lease,) = theirs.all("Lease")
    assert lease["metadata"]["name"] == "shop-web"
    assert lease["metadata"]["annotations"]["tekton-delivery/workloads"] == (
        "deployments/shop-web web,cron\nstatefulsets/shop-mail app"
    )


def test_pipelines_name_them_with_their_containers(theirs: Declared) -> None:
    found = {
        param["value"]
        for pipeline in theirs.all("Pipeline")
        for task in [*pipeline["spec"]["tasks"], *pipeline["spec"].get("finally", [])]
        for param in task.get("params", [])
        if param["name"] in ("deployment", "smoke-url")
    }
    assert found == {
        "deployments/shop-web web,cron\nstatefulsets/shop-mail app",
        "http://shop-web.staging.svc:8000/",
    }


def test_the_deployer_has_rights_on_each_kind_by_name(theirs: Declared) -> None:
    rules = {rule["resources"][0]: rule.get("resourceNames") for rule in theirs.one("Role", "deployer", "staging")["rules"]}
    assert rules == {
        "deployments": ["shop-web"],
        "statefulsets": ["shop-mail"],
        "leases": ["shop-web"],
        "configmaps": ["freeze"],
        "pods": None,
    }


def test_the_smoke_check_reaches_the_namespaces_pods_and_nothing_is_opened_to_them(theirs: Declared) -> None:
    (opening,) = theirs.one("NetworkPolicy", "rollouts-to-chespirito")["spec"]["egress"]
    assert opening["to"][0]["podSelector"] == {}
    assert "ports" not in opening
    assert "anyone-to-chespirito" not in theirs.names("NetworkPolicy")


CONTAINERS = {"shop-web": ("web", "cron"), "shop-mail": ("app",)}


def there(name: str, image: str = TAG, notes: dict[str, str] | None = None) -> Object:
    """What a chart has made, as kubectl applied it."""
    containers = [{"name": each, "image": image} for each in CONTAINERS[name]] + [{"name": "proxy", "image": "proxy:1"}]
    fields = {
        "f:metadata": {"f:annotations": {".": {}, "f:chart": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:template": {
                "f:spec": {
                    "f:containers": {
                        f'k:{{"name":"{each["name"]}"}}': {".": {}, "f:name": {}, "f:image": {}} for each in containers
                    }
                }
            },
        },
    }
    entry = {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": fields}
    return {
        "kind": "StatefulSet" if name == "shop-mail" else "Deployment",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/name": "a-chart"},
            "annotations": {"chart": "shop"} | (notes or {}),
            "resourceVersion": "1",
            "generation": 1,
            "managedFields": [entry],
        },
        "spec": {"replicas": 1, "template": {"spec": {"containers": containers}}},
    }


def bring(image: str, only: int | None = None) -> Any:
    """A change of the image, with what the API server then has of owners."""

    def change(new: Object) -> None:
        entry = copy.deepcopy(new["metadata"]["managedFields"][0])
        owned: Object = {}
        for number, each in enumerate(new["spec"]["template"]["spec"]["containers"][:-1]):
            if only in (None, number):
                each["image"] = image
                where = f'k:{{"name":"{each["name"]}"}}'
                entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"][where].pop("f:image")
                owned[where] = {"f:image": {}}
        fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": owned}}}}
        mine = {"manager": "tekton-delivery", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": fields}
        new["metadata"]["managedFields"] = [entry, mine]

    return change


def asked(stack: Declared, change: Any, old: Object, pod: str = "") -> list[str]:
    """What refuses a change by the deployer, of either policy."""
    new = copy.deepcopy(old)
    change(new)
    policies = [f"tekton-delivery-staging-{name}" for name in ("deploys", "deploys-existing")]
    return [said for policy in policies for said in refusals(stack, policy, new, old=old, user=DEPLOYER, pod=pod)]


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_deployer_brings_a_digest_of_the_application_in_place_of_a_tag(theirs: Declared, name: str) -> None:
    assert asked(theirs, bring(IMAGE), there(name)) == []


@pytest.mark.parametrize("name", CONTAINERS)
def test_it_goes_back_to_just_what_ran(theirs: Declared, name: str) -> None:
    noted = {"tekton-delivery/rolling-out": f'{{"image":"{IMAGE}","former":"{TAG}","run":"a"}}'}

    def back(new: Object) -> None:
        bring(TAG)(new)
        del new["metadata"]["annotations"]["tekton-delivery/rolling-out"]

    assert asked(theirs, back, there(name, IMAGE, noted)) == []
    assert asked(theirs, bring(TAG), there(name, IMAGE)) != [], "nothing tells that it ran"
    other = {"tekton-delivery/rolling-out": noted["tekton-delivery/rolling-out"].replace(":1.4", ":evil")}
    assert asked(theirs, lambda new: new["metadata"]["annotations"].update(other), there(name)) != []


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_noted_to_have_run_before_comes_back(theirs: Declared, name: str) -> None:
    noted = {"tekton-delivery/before": f'[{{"image":"{TAG}"}}]'}
    assert asked(theirs, lambda new: new["metadata"]["annotations"].update(noted), there(name)) == [], "it runs"
    assert asked(theirs, bring(TAG), there(name, IMAGE, noted)) == []
    forged = {"tekton-delivery/before": f'[{{"image":"{TAG}-evil"}}]'}
    assert asked(theirs, lambda new: new["metadata"]["annotations"].update(forged), there(name)) != []


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("image", ["nginx", "run", "former", "image", "pullRequest", "0" * 40, "7", "[x"])
def test_what_a_note_quotes_besides_images_is_no_image_that_ran(theirs: Declared, name: str, image: str) -> None:
    """The name of a run is the deployer's to choose, and what it may note as having served, it may bring back."""
    noted = {
        "tekton-delivery/rolling-out": f'{{"image":"{IMAGE}","former":"{TAG}","run":"nginx"}}',
        "tekton-delivery/before": f'[{{"image":"{TAG}-1","commit":"{"0" * 40}","pullRequest":"7"}}]',
    }

    def note(served: str) -> Any:
        forged = {"tekton-delivery/before": f'[{{"image":"{served}"}}]'}
        return lambda new: new["metadata"]["annotations"].update(forged)

    assert asked(theirs, note(image), there(name, IMAGE, noted)) != []
    for ran in (TAG, f"{TAG}-1", IMAGE):
        assert asked(theirs, note(ran), there(name, IMAGE, noted)) == []
    spaced = {where: text.replace(":", ": ") for where, text in noted.items()}
    assert asked(theirs, note("nginx"), there(name, IMAGE, spaced)) != []


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize(
    "change",
    [
        bring("registry.internal:5000/chespirito:main"),
        bring(IMAGE.replace("chespirito", "other")),
        bring("registry.internal:5000/platform/tools@sha256:" + "0" * 64),
        lambda new: new["spec"].update(replicas=0),
        lambda new: new["spec"]["template"]["spec"]["containers"][-1].update(image=IMAGE),
        lambda new: new["spec"]["template"]["spec"]["containers"][0].update(command=["sh"]),
        lambda new: new["metadata"]["annotations"].pop("chart"),
        lambda new: new["metadata"]["labels"].update(a="b"),
    ],
)
def test_a_deployer_changes_nothing_else(theirs: Declared, name: str, change: Any) -> None:
    assert asked(theirs, change, there(name)) != []


def test_all_named_containers_run_the_one_image(theirs: Declared) -> None:
    assert asked(theirs, bring(IMAGE, only=0), there("shop-web")) != []


def test_only_the_one_that_leads_is_noted_on(theirs: Declared) -> None:
    note = {"tekton-delivery/commit": "0" * 40}
    assert asked(theirs, lambda new: new["metadata"]["annotations"].update(note), there("shop-web")) == []
    assert asked(theirs, lambda new: new["metadata"]["annotations"].update(note), there("shop-mail")) != []


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_hold_keeps_each_but_for_the_applications_own_runs(theirs: Declared, name: str) -> None:
    hold = '{"by":"ana","reason":"by hand","since":"2026-11-22T12:00:00Z","pullRequest":"7"}'
    held = there(name, notes={"tekton-delivery/hold": hold})
    assert asked(theirs, bring(IMAGE), held, "chespirito-staging-7-a-stage-pod") == []
    assert asked(theirs, bring(IMAGE), held, "a-chart-staging-7-a-stage-pod") != []
