"""RBAC: rights are named one by one, nobody becomes somebody else, and Secrets are read by name."""

from collections.abc import Iterator

from policy.declared import Declared, Fields, items, mapping

GROUP = "rbac.authorization.k8s.io"
# The verbs that end at somebody else's rights, whatever they are on.
BECOMES_ANYBODY = ("impersonate", "escalate", "bind")
# Kubernetes' own roles that are all of a namespace, or of the cluster, the Secrets included. Tekton adds itself to two.
WHOLE_ROLES = ("cluster-admin", "admin", "edit")
EVERYBODY = ("system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:masters")


def rights(item: Declared) -> Iterator[str]:
    """Yield what a role or binding gives away."""
    if item.group != GROUP:
        return
    if item.kind in ("Role", "ClusterRole"):
        if item.fields.get("aggregationRule"):
            yield "aggregationRule: the role would grow with every ClusterRole that carries its label; list the rules"
        for index, rule in enumerate(items(item.fields, "rules")):
            yield from _rule(item.kind, f"rules[{index}]", rule)
    elif item.kind in ("RoleBinding", "ClusterRoleBinding"):
        role = mapping(item.fields, "roleRef").get("name")
        if role in WHOLE_ROLES:
            yield f"roleRef: {role} includes every Secret; bind a role that lists what is needed"
        for subject in items(item.fields, "subjects"):
            if subject.get("kind") == "Group" and str(subject["name"]).startswith(EVERYBODY):
                yield f"subjects: the group {subject['name']} is everybody; bind one service account"


def _rule(kind: str, where: str, rule: Fields) -> Iterator[str]:
    for key in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
        for value in items(rule, key):
            if "*" in value:
                yield f"{where}.{key}: '{value}' also grants what does not exist yet; name each one"
    for verb in items(rule, "verbs"):
        if verb in BECOMES_ANYBODY:
            yield f"{where}.verbs: '{verb}' ends at everybody's rights"
    if any(value.partition("/")[0] == "secrets" for value in items(rule, "resources")) and "" in items(rule, "apiGroups"):
        if kind == "ClusterRole":
            yield f"{where}.resources: Secrets of every namespace; use a Role with resourceNames in the one namespace"
        elif not items(rule, "resourceNames"):
            yield f"{where}.resources: every Secret of the namespace; add resourceNames"
