"""What the search believes about Kubernetes and Tekton, one rule at a time."""

import copy
from collections.abc import Callable

import pytest

from offline.reachability.escalation import leads_to
from offline.reachability.limits import limit
from offline.reachability.objects import Objects, ReachabilityError, selects
from offline.reachability.rows import Row, rows
from offline.reachability.table import difference, difference_text, text
from offline.reachability.things import Account, Right
from tests.reachability_changes import find
from tests.support import Declared, Object

SOMEBODY = Account("staging-ci", "somebody")
NOTHING: set[str] = set()


def right(verbs: str, resource: str, group: str = "", *, names: str = "", namespace: str | None = "staging") -> Right:
    return Right((group,), (resource,), tuple(names.split()), tuple(verbs.split()), namespace, "RoleBinding x", "Role x")


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (right("get list watch", "deployments", "apps"), NOTHING),
        (right("patch", "deployments", "apps", names="app"), {"any pod in staging"}),
        (right("patch", "deployments/scale", "apps", names="app"), NOTHING),
        (right("patch", "deployments", "extensions"), NOTHING),
        (right("create", "pods"), {"any pod in staging"}),
        (right("create", "pods/exec"), {"any pod in staging"}),
        (right("get", "pods/exec"), {"any pod in staging"}),
        (right("get", "pods/log"), NOTHING),
        (right("patch", "pods/ephemeralcontainers"), {"any pod in staging"}),
        (right("delete", "pods"), NOTHING),
        (right("create", "pipelineruns", "tekton.dev"), {"any pod in staging"}),
        (right("patch", "pipelineruns", "tekton.dev"), NOTHING),
        (right("patch", "pipelineruns/status", "tekton.dev"), {"any pod in staging"}),
        (right("update", "tasks", "tekton.dev"), {"any pod in staging"}),
        (right("patch", "triggertemplates", "triggers.tekton.dev"), {"any pod in staging"}),
        (right("get", "secrets", names="one two"), {"secret staging/one", "secret staging/two"}),
        (right("list", "secrets"), {"every secret of staging"}),
        (right("patch", "secrets", names="one"), {"secret staging/one"}),
        (right("create", "secrets"), NOTHING),
        (right("get", "secrets", namespace=None), {"EVERYTHING in the cluster"}),
        (right("create", "serviceaccounts/token", names="app"), {"service account staging/app"}),
        (right("create", "serviceaccounts/token"), {"service account staging/app", "service account staging/default"}),
        (right("impersonate", "serviceaccounts", names="app"), {"EVERYTHING in the cluster"}),
        (right("bind", "clusterroles", "rbac.authorization.k8s.io"), {"EVERYTHING in the cluster"}),
        (right("get", "nodes/proxy", namespace=None), {"EVERYTHING in the cluster"}),
        (
            right("update", "mutatingwebhookconfigurations", "admissionregistration.k8s.io", namespace=None),
            {"EVERYTHING in the cluster"},
        ),
        (
            right("get", "mutatingwebhookconfigurations", "admissionregistration.k8s.io", namespace=None),
            NOTHING,
        ),
        (right("create", "jobs", "batch", namespace=None), {"EVERYTHING in the cluster"}),
        (right("get", "clusterinterceptors", "triggers.tekton.dev", namespace=None), NOTHING),
        (right("get", "*"), {"any pod in staging", "every secret of staging", "EVERYTHING in the cluster"}),
        (right("*", "leases", "coordination.k8s.io"), {"EVERYTHING in the cluster"}),
        (right("get update", "leases", "coordination.k8s.io", names="app"), NOTHING),
        (right("patch", "*/scale", "apps"), NOTHING),
        (right("create", "*/exec"), {"any pod in staging"}),
    ],
    ids=lambda value: ", ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_what_a_right_leads_to(held: Right, expected: set[str]) -> None:
    known = Objects([{"kind": "ServiceAccount", "metadata": {"name": "app", "namespace": "staging"}}])
    assert {str(thing) for thing in leads_to(held, known)} == expected


def policy() -> Object:
    """A policy that holds what somebody does to Deployments, as the program declares such."""
    return {
        "policy": {
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "p", "labels": {"app.kubernetes.io/part-of": "tekton-delivery"}},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": ["apps"],
                            "apiVersions": ["v1"],
                            "resources": ["deployments"],
                            "operations": ["UPDATE"],
                        }
                    ]
                },
                "matchConditions": [
                    {
                        "name": "account",
                        "expression": "request.userInfo.username == 'system:serviceaccount:staging-ci:somebody'",
                    }
                ],
            },
        },
        "binding": {
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "p"},
            "spec": {
                "policyName": "p",
                "validationActions": ["Deny"],
                "matchResources": {
                    "namespaceSelector": {
                        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["staging"]}]
                    }
                },
            },
        },
    }


def put(part: str, *path: str | int, value: object) -> Callable[[Object], None]:
    def change(made: Object) -> None:
        target = made[part]
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return change


def test_a_policy_in_force_limits_a_right() -> None:
    held = right("get patch", "deployments", "apps", names="app")
    assert limit(SOMEBODY, held, Objects(policy().values())) == "ValidatingAdmissionPolicy p"


@pytest.mark.parametrize(
    "change",
    [
        put("policy", "spec", "failurePolicy", value="Ignore"),
        put("policy", "metadata", "labels", value={}),
        put("policy", "spec", "matchConditions", value=[]),
        put("policy", "spec", "matchConditions", 0, "expression", value="request.userInfo.username == 'somebody else'"),
        put("policy", "spec", "matchConstraints", "resourceRules", 0, "operations", value=["CREATE"]),
        put("policy", "spec", "matchConstraints", "resourceRules", 0, "resources", value=["statefulsets"]),
        put("policy", "spec", "matchConstraints", "resourceRules", 0, "apiGroups", value=["extensions"]),
        put("policy", "spec", "matchConstraints", "resourceRules", 0, "resourceNames", value=["other"]),
        put("policy", "spec", "matchConstraints", "matchPolicy", value="Exact"),
        put("policy", "spec", "matchConstraints", "objectSelector", value={"matchLabels": {"a": "b"}}),
        put("binding", "spec", "validationActions", value=["Audit"]),
        put("binding", "spec", "policyName", value="q"),
        put("binding", "spec", "matchResources", "namespaceSelector", "matchExpressions", 0, "values", value=["other"]),
        put("binding", "spec", "matchResources", "objectSelector", value={"matchLabels": {"a": "b"}}),
        put("binding", "spec", "paramRef", value={"name": "p", "parameterNotFoundAction": "Allow"}),
    ],
)
def test_a_policy_that_is_not_in_force_limits_nothing(change: Callable[[Object], None]) -> None:
    made = policy()
    change(made)
    assert limit(SOMEBODY, right("patch", "deployments", "apps"), Objects(made.values())) is None


@pytest.mark.parametrize(
    "held",
    [
        right("patch create", "deployments", "apps"),
        right("patch", "*", "apps"),
        right("patch", "deployments", "apps", namespace="other"),
        right("patch", "deployments", "apps", namespace=None),
    ],
    ids=lambda value: ", ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_a_policy_limits_only_what_it_looks_at(held: Right) -> None:
    assert limit(SOMEBODY, held, Objects(policy().values())) is None
    assert limit(Account("staging-ci", "other"), right("patch", "deployments", "apps"), Objects(policy().values())) is None


# --- other ways to write the same ---


def started(objects: list[Object]) -> set[tuple[str, str, str]]:
    """What each step reaches in the runs that a pull request's trigger starts, wherever they are declared."""
    return {
        (row.container, row.runs, row.reaches)
        for row in rows(objects)
        if row.cause.startswith("trigger ") and "rejected" not in row.cause and "ok-to-test" not in row.cause
    }


def embedded(objects: list[Object]) -> None:
    """The run brings its pipeline along, and the pipeline its tasks."""
    spec = find(objects, "TriggerTemplate", "github-pr-trigger-template")["spec"]["resourcetemplates"][0]["spec"]
    del spec["pipelineRef"]
    pipeline = copy.deepcopy(find(objects, "Pipeline", "chespirito-staging-pipeline")["spec"])
    for task in [*pipeline["tasks"], *pipeline["finally"]]:
        declared = find(objects, "Task", task.pop("taskRef")["name"])
        annotations = declared["metadata"].get("annotations", {})
        task["taskSpec"] = declared["spec"] | {"metadata": {"annotations": annotations}}
    spec["pipelineSpec"] = pipeline


def in_the_listener(objects: list[Object]) -> None:
    """The listener holds its triggers itself, with their templates."""
    listener = find(objects, "EventListener", "chespirito-github-el")["spec"]
    del listener["triggerGroups"]
    listener["triggers"] = []
    for trigger in [item for item in objects if item["kind"] == "Trigger"]:
        template = find(objects, "TriggerTemplate", trigger["spec"]["template"]["ref"])
        name = trigger["metadata"]["name"]
        listener["triggers"].append(trigger["spec"] | {"name": name, "template": {"spec": template["spec"]}})
        objects.remove(trigger)
        objects.remove(template)


def by_reference(objects: list[Object]) -> None:
    listener = find(objects, "EventListener", "chespirito-github-el")["spec"]
    del listener["triggerGroups"]
    listener["triggers"] = [{"triggerRef": item["metadata"]["name"]} for item in objects if item["kind"] == "Trigger"]


def by_label(objects: list[Object]) -> None:
    listener = find(objects, "EventListener", "chespirito-github-el")["spec"]
    (group,) = [item for item in listener.pop("triggerGroups") if item["name"].startswith("pull-request")]
    listener |= group["triggerSelector"]


def by_namespace(objects: list[Object]) -> None:
    """A listener that serves the triggers of all namespaces."""
    listener = find(objects, "EventListener", "chespirito-github-el")
    listener["spec"] |= {"triggerGroups": [], "namespaceSelector": {"matchNames": ["*"]}}
    objects.append({"kind": "Namespace", "metadata": {"name": "hooks"}})
    listener["metadata"]["namespace"] = "hooks"


@pytest.mark.parametrize("change", [in_the_listener, by_reference, by_label, by_namespace])
def test_the_same_is_found_however_it_is_written(change: Callable[[list[Object]], None], staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    before = started(objects)
    change(objects)
    assert ("image", "pull-request code", "secret staging-ci/quarantine-push") in before
    assert started(objects) == before


def test_what_a_run_brings_along_is_followed(staging: Declared) -> None:
    """Tekton hands a run's workspaces down to embedded tasks that mention them; here, to each."""
    objects = copy.deepcopy(staging.objects)
    before = started(objects)
    embedded(objects)
    assert {reached for reached in before if reached[2] != "nothing"} <= started(objects)
    more = {name for name, _, reaches in started(objects) - before if reaches == "secret staging-ci/ssh-directory"}
    assert "report" in more
    assert "test" not in more


def test_a_trigger_may_start_a_task_alone(staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    templates = find(objects, "TriggerTemplate", "github-pr-trigger-template")["spec"]
    workspaces = templates["resourcetemplates"][0]["spec"]["workspaces"]
    spec = {"taskRef": {"name": "build"}, "serviceAccountName": "untrusted", "workspaces": workspaces}
    templates["resourcetemplates"] = [{"kind": "TaskRun", "metadata": {"name": "any"}, "spec": spec}]
    assert {(name, reaches) for name, _, reaches in started(objects) if name} == {
        ("fetch", "secret staging-ci/ssh-directory"),
        ("test", "nothing"),
        ("image", "secret staging-ci/quarantine-push"),
    }


def test_a_listener_starts_the_triggers_with_its_label_only(staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    find(objects, "Trigger", "pr-trigger")["metadata"]["labels"]["tekton-delivery/listener"] = "another"
    assert started(objects) == set()


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": {"tier": "ci"}}, True),
        ({"matchLabels": {"tier": "web"}}, False),
        ({"matchLabels": {"other": "ci"}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["ci", "web"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["ci"]}]}, False),
        ({"matchExpressions": [{"key": "other", "operator": "NotIn", "values": ["ci"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "other", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"tier": "ci"}, "matchExpressions": [{"key": "other", "operator": "Exists"}]}, False),
    ],
)
def test_a_label_selector_selects_as_kubernetes_does(selector: Object | None, expected: bool) -> None:
    assert selects(selector, {"tier": "ci"}) is expected


def test_a_listener_without_triggers_starts_nothing(staging: Declared) -> None:
    objects = copy.deepcopy(staging.objects)
    find(objects, "EventListener", "chespirito-github-el")["spec"]["triggerGroups"] = []
    assert started(objects) == set()


# --- what cannot be followed is an error ---


def without(kind: str, name: str) -> Callable[[list[Object]], None]:
    return lambda objects: objects.remove(find(objects, kind, name))


def run(change: Callable[[Object], None]) -> Callable[[list[Object]], None]:
    def changed(objects: list[Object]) -> None:
        change(find(objects, "TriggerTemplate", "github-pr-trigger-template")["spec"]["resourcetemplates"][0])

    return changed


def build(change: Callable[[Object], None]) -> Callable[[list[Object]], None]:
    return lambda objects: change(find(objects, "Task", "build"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("Task", "stage"), "Task staging-ci/stage, which is not declared"),
        (without("Pipeline", "chespirito-staging-pipeline"), "none that is declared has such a name"),
        (without("TriggerTemplate", "github-pr-trigger-template"), "TriggerTemplate .* which is not declared"),
        (run(lambda made: made["metadata"].update(namespace="$(tt.params.application)")), "namespace of its run"),
        (run(lambda made: made.update(kind="Job")), "creates a Job"),
        (run(lambda made: made["spec"].update(pipelineRef={"resolver": "git"})), "names no declared Pipeline"),
        (run(lambda made: made["spec"].update(workspaces=[])), "needs the workspace 'ssh-directory'"),
        (
            run(lambda made: made["spec"]["taskRunSpecs"][0].update(serviceAccountName="$(tt.params.run)")),
            "service account from a parameter",
        ),
        (
            build(lambda made: made["metadata"]["annotations"].update({"tekton-delivery/untrusted-from": "tests"})),
            "names 'tests'; its steps are fetch, test, image",
        ),
        (build(lambda made: made["spec"].update(volumes=[])), "mounts the volume '.*', which is not declared"),
        (build(lambda made: made["spec"]["volumes"][0].update(csi={"driver": "secrets"})), "of kind csi"),
        (
            lambda objects: find(objects, "EventListener", "chespirito-github-el")["spec"].update(
                resources={"customResource": {}}
            ),
            "runs as a custom resource",
        ),
        (lambda objects: objects.append(copy.deepcopy(objects[0])), "two objects are"),
    ],
)
def test_what_cannot_be_followed_is_an_error(
    change: Callable[[list[Object]], None], message: str, staging: Declared
) -> None:
    objects = copy.deepcopy(staging.objects)
    change(objects)
    with pytest.raises(ReachabilityError, match=message):
        rows(objects)


# --- tables and versions ---


def row(reaches: str, *through: str) -> Row:
    return Row("trigger a/b", "build (Pipeline a/c)", "test", "our script", reaches, through, "a")


def test_a_table_shows_what_follows_from_what() -> None:
    shown = text([row("service account a/x", "volume y"), row("any pod in a", "volume y", "service account a/x", "a right")])
    assert shown == (
        "trigger a/b\n"
        "  build (Pipeline a/c)\n"
        "    test  our script  service account a/x  volume y\n"
        "    test  our script    any pod in a       a right\n\n"
    )


def test_a_difference_shows_what_is_gone_and_what_is_new() -> None:
    old, new = (
        [row("secret a/kept", "volume k"), row("secret a/old", "volume v")],
        [row("secret a/kept", "volume k"), row("x")],
    )
    added, removed = difference(old, new)
    assert difference_text(added, removed) == (
        "trigger a/b\n  build (Pipeline a/c)\n  - test  our script  secret a/old  volume v\n  + test  our script  x\n\n"
    )
    assert difference_text(*difference(old, old)) == "no difference\n"
