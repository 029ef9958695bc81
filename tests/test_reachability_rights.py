"""What the search believes about rights: what each leads to, and which admission policy limits it."""

from collections.abc import Callable

import pytest

from offline.reachability.escalation import leads_to
from offline.reachability.limits import limit
from offline.reachability.objects import Objects
from offline.reachability.things import Account, Right
from tests.support import Object

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
