"""Which rights a service account has: its role bindings, resolved."""

from collections.abc import Iterator

from components.conventions import Manifest
from offline.reachability.objects import Objects, place
from offline.reachability.things import EVERY, Account, Right


def rights(account: Account, objects: Objects) -> list[Right]:
    """Return what the account's token may do, by every RoleBinding and ClusterRoleBinding, sorted."""
    bindings = [(binding, binding["metadata"]["namespace"]) for binding in objects.all("RoleBinding")]
    bindings += [(binding, None) for binding in objects.all("ClusterRoleBinding")]
    found: set[Right] = set()
    for binding, namespace in bindings:
        if any(_is(account, subject) for subject in binding.get("subjects", [])):
            found |= set(_granted(binding, namespace, objects))
    return sorted(found, key=str)


def _is(account: Account, subject: Manifest) -> bool:
    """Return whether a binding's subject is the account or a group that it belongs to."""
    kind, name = subject["kind"], subject["name"]
    if kind == "ServiceAccount":
        return (subject.get("namespace"), name) == (account.namespace, account.name)
    if kind == "Group":
        return name in ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{account.namespace}")
    return bool(name == account.username)


def _granted(binding: Manifest, namespace: str | None, objects: Objects) -> Iterator[Right]:
    reference = binding["roleRef"]
    role_kind, role_name = reference["kind"], reference["name"]
    role = objects.find(role_kind, (namespace or "") if role_kind == "Role" else "", role_name)
    by, of = f"{binding['kind']} {place(binding)}", f"{role_kind} {role_name}"
    if role is None or "aggregationRule" in role:
        # A role of the cluster's own, or one that others add to: whatever it holds, the program does not say.
        yield Right((EVERY,), (EVERY,), (), (EVERY,), namespace, by, f"{of}, whose rules are not declared")
        return
    for rule in role.get("rules", []):
        yield Right(
            groups=tuple(sorted(rule.get("apiGroups", []))),
            resources=tuple(sorted([*rule.get("resources", []), *rule.get("nonResourceURLs", [])])),
            names=tuple(sorted(rule.get("resourceNames", []))),
            verbs=tuple(sorted(rule["verbs"])),
            namespace=namespace,
            binding=by,
            role=of,
        )
