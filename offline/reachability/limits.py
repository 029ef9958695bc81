"""Admission policies that keep a right to write workloads from meaning any pod.

One of this project's ValidatingAdmissionPolicies about one service account's requests holds them to declared shapes. That
its expressions do so is for the policy's own tests to show; that it is in force for a right (account, operation, resource,
namespace, deny, fail closed) is checked here.
"""

from components.conventions import PROJECT, Manifest
from offline.reachability.escalation import starts_pods
from offline.reachability.objects import Objects, selects
from offline.reachability.things import EVERY, Account, Right

OPERATIONS = {"create": "CREATE", "update": "UPDATE", "patch": "UPDATE"}


def limit(account: Account, right: Right, objects: Objects) -> str | None:
    """Return the policy that holds every pod-starting part of an account's right, if there is one."""
    needed = {(group, resource, OPERATIONS[verb]) for group, resource, verb in starts_pods(right)}
    if right.namespace is None or not needed:
        return None
    for policy in objects.all("ValidatingAdmissionPolicy"):
        if (
            policy["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") == PROJECT
            and _is_about(account, policy["spec"])
            and policy["spec"].get("failurePolicy", "Fail") == "Fail"
            and all(_covers(policy["spec"], *triple) for triple in needed)
            and any(
                _in_force(binding["spec"], policy["metadata"]["name"], right.namespace, objects)
                for binding in objects.all("ValidatingAdmissionPolicyBinding")
            )
        ):
            return f"ValidatingAdmissionPolicy {policy['metadata']['name']}"
    return None


def _is_about(account: Account, spec: Manifest) -> bool:
    """Return whether a policy looks at every request of the account; one about everybody's holds nobody to a shape."""
    (*others, expression) = [condition["expression"] for condition in spec.get("matchConditions", [])] or [""]
    return not others and expression == f"request.userInfo.username == '{account.username}'"


def _covers(spec: Manifest, group: str, resource: str, operation: str) -> bool:
    constraints = spec["matchConstraints"]
    if {"excludeResourceRules", "objectSelector", "namespaceSelector"} & constraints.keys():
        return False
    # By default a rule about one version of an API also matches requests in its other versions.
    equivalent = constraints.get("matchPolicy", "Equivalent") == "Equivalent"
    return any(
        {group, EVERY} & set(rule["apiGroups"])
        and {resource, EVERY} & set(rule["resources"])
        and {operation, EVERY} & set(rule["operations"])
        and (equivalent or EVERY in rule["apiVersions"])
        and "resourceNames" not in rule
        for rule in constraints["resourceRules"]
    )


def _in_force(binding: Manifest, policy: str, namespace: str, objects: Objects) -> bool:
    where = binding.get("matchResources", {})
    declared = objects.find("Namespace", "", namespace)
    labels = (declared["metadata"].get("labels", {}) if declared else {}) | {"kubernetes.io/metadata.name": namespace}
    return (
        binding["policyName"] == policy
        and binding.get("paramRef", {}).get("parameterNotFoundAction", "Deny") == "Deny"
        and "Deny" in binding["validationActions"]
        and where.keys() <= {"namespaceSelector"}
        and selects(where.get("namespaceSelector"), labels)
    )
