"""Admission policies that keep a right to write workloads from meaning any pod.

A ValidatingAdmissionPolicy says by its annotation `tekton-delivery/limits` whose requests it holds to declared shapes
(`staging-ci/deployer staging-ci/listener`). That its expressions do so is for the tests of the policy to show; that it is
in force for a right (operation, resource, namespace, deny, fail closed) is checked here.
"""

from components.conventions import Manifest, key
from offline.reachability.escalation import starts_pods
from offline.reachability.objects import Objects, selects
from offline.reachability.things import EVERY, Account, Right

LIMITS = key("limits")
OPERATIONS = {"create": "CREATE", "update": "UPDATE", "patch": "UPDATE"}


def limit(account: Account, right: Right, objects: Objects) -> str | None:
    """Return the policy that holds every pod-starting part of an account's right, if there is one."""
    if right.namespace is None:
        return None
    needed = {(group, resource, OPERATIONS[verb]) for group, resource, verb in starts_pods(right)}
    if not needed:
        return None
    for policy in objects.all("ValidatingAdmissionPolicy"):
        holds = policy["metadata"].get("annotations", {}).get(LIMITS, "").split()
        if (
            f"{account.namespace}/{account.name}" in holds
            and policy["spec"].get("failurePolicy", "Fail") == "Fail"
            and all(_covers(policy["spec"], *triple) for triple in needed)
            and any(_in_force(binding, policy, right.namespace, objects) for binding in _bindings(objects))
        ):
            return f"ValidatingAdmissionPolicy {policy['metadata']['name']}"
    return None


def _bindings(objects: Objects) -> list[Manifest]:
    return objects.all("ValidatingAdmissionPolicyBinding")


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


def _in_force(binding: Manifest, policy: Manifest, namespace: str, objects: Objects) -> bool:
    spec = binding["spec"]
    where = spec.get("matchResources", {})
    declared = objects.find("Namespace", "", namespace)
    labels = (declared["metadata"].get("labels", {}) if declared else {}) | {"kubernetes.io/metadata.name": namespace}
    return (
        spec["policyName"] == policy["metadata"]["name"]
        and spec.get("paramRef", {}).get("parameterNotFoundAction", "Deny") == "Deny"
        and "Deny" in spec["validationActions"]
        and where.keys() <= {"namespaceSelector"}
        and selects(where.get("namespaceSelector"), labels)
    )
