"""Admission policies: each denies in its one namespace, and what cannot be evaluated is refused."""

import pytest

from tests.support import STACKS, Declared

POLICIES = {
    "staging": dict.fromkeys(("runs", "prunings", "endings", "cancellations", "claims", "pods"), "staging-ci")
    | dict.fromkeys(("deploys", "leases"), "staging"),
    "production": dict.fromkeys(("runs", "prunings", "endings"), "production-ci")
    | dict.fromkeys(("deploys", "leases"), "production"),
}


@pytest.mark.parametrize("name", STACKS)
def test_every_policy_denies_in_its_one_namespace(stacks: dict[str, Declared], name: str) -> None:
    stack = stacks[name]
    expected = {f"tekton-delivery-{name}-{policy}": namespace for policy, namespace in POLICIES[name].items()}
    assert stack.names("ValidatingAdmissionPolicy") == sorted(expected)
    assert stack.names("ValidatingAdmissionPolicyBinding") == sorted(expected)
    for policy, namespace in expected.items():
        assert stack.one("ValidatingAdmissionPolicyBinding", policy)["spec"] == {
            "policyName": policy,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
        }


def test_what_cannot_be_evaluated_is_refused(stack: Declared) -> None:
    for policy in stack.all("ValidatingAdmissionPolicy"):
        assert policy["spec"]["failurePolicy"] == "Fail"
        for validation in policy["spec"]["validations"]:
            assert validation["message"]
            assert "\n" not in validation["message"]
