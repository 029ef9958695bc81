"""The rights that `pulumi preview` of a stack needs, as RBAC manifests: `python -m offline.preview_rights STACK ACCOUNT`.

A preview reads what the stack has declared, kind by kind, and writes nothing: where a dry run is refused, Pulumi compares
without it. Deployments and Services are also asked whether they are ready. Secrets are named, so run this again when the
stack gets another one.
"""

import re
import sys
from collections import defaultdict

from components.conventions import Manifest, key
from components.settings.errors import SettingsError
from offline.render import manifests, record, to_yaml
from offline.revision import RevisionError, stack_files
from offline.run import ROOT

READ = "get"
# What readiness is read from: the plugin lists these in the namespaces of Deployments and Services.
READINESS = {"apps": ["replicasets"], "": ["pods", "events", "endpoints"], "discovery.k8s.io": ["endpointslices"]}


def rights(objects: list[Manifest], name: str, account: str) -> list[Manifest]:
    """Return roles and bindings by which a service account (`namespace/name`) can preview these objects."""
    groups: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    secrets: dict[str, set[str]] = defaultdict(set)
    for item in objects:
        namespace = item["metadata"].get("namespace", "")
        if item["kind"] == "Secret":
            secrets[namespace].add(item["metadata"]["name"])
        else:
            group = item["apiVersion"].rpartition("/")[0]
            groups[namespace][group].add(_plural(item["kind"]))
    made: list[Manifest] = []
    for namespace in sorted(groups.keys() | secrets.keys()):
        rules = [_rule(group, sorted(kinds), [READ]) for group, kinds in sorted(groups[namespace].items())]
        if "deployments" in groups[namespace]["apps"]:
            rules += [_rule(group, kinds, ["list", "watch"]) for group, kinds in READINESS.items()]
        if secrets[namespace]:
            rules.append(_rule("", ["secrets"], [READ]) | {"resourceNames": sorted(secrets[namespace])})
        made += _granted(name, namespace, rules, account)
    return made


def _granted(name: str, namespace: str, rules: list[Manifest], account: str) -> list[Manifest]:
    """A role with the rules, bound to the account; for the whole cluster where there is no namespace."""
    scope = "" if namespace else "Cluster"
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    home, _, subject = account.partition("/")
    api, group = "rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io"
    return [
        {"apiVersion": api, "kind": f"{scope}Role", "metadata": metadata, "rules": [rule for rule in rules if rule]},
        {
            "apiVersion": api,
            "kind": f"{scope}RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": f"{scope}Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "namespace": home, "name": subject}],
        },
    ]


def _rule(group: str, resources: list[str], verbs: list[str]) -> Manifest:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _plural(kind: str) -> str:
    """The resource of a kind, as the kinds of this project form it."""
    lower = kind.lower()
    if re.search(r"[^aeiou]y$", lower):
        return f"{lower[:-1]}ies"
    return f"{lower}es" if lower.endswith("s") else f"{lower}s"


def main(arguments: list[str]) -> int:
    """Print the manifests. Returns the exit code."""
    if len(arguments) != 2 or "/" not in arguments[1]:
        print("usage: python -m offline.preview_rights STACK NAMESPACE/SERVICEACCOUNT", file=sys.stderr)  # noqa: T201
        return 2
    stack, account = arguments
    try:
        objects = manifests(record(stack_files(ROOT, [stack])[stack]))
    except (RevisionError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    sys.stdout.write(to_yaml(rights(objects, key("preview").replace("/", "-"), account)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
