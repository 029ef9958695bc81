"""What whoever runs Pulumi may do on the cluster: asked for each kind and namespace that the stack declares."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from components.conventions import Manifest
from offline.needs.values import Needs
from operate.doctor.api import Api, RefusedError, Review, group_path
from operate.doctor.rows import Row, fine, unknown, wrong

VERBS = ("get", "create", "patch", "delete")
# Pulumi waits until these are ready.
_AWAITED = ("Deployment", "StatefulSet", "Service", "Ingress")
_RBAC = "rbac.authorization.k8s.io"
_AT_ONCE = 8


def rows(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield what Pulumi lacks, or that it lacks nothing."""
    kinds = Kinds(api)
    asked: dict[Review, None] = {}
    for api_version, kind in dict.fromkeys((each["apiVersion"], each["kind"]) for each in needs.objects):
        place = kinds.resource(api_version, kind)
        if place is None:
            yield unknown(f"Pulumi's rights to each {kind}", f"the cluster does not know {api_version} {kind}")
            continue
        verbs = (*VERBS, "list", "watch") if kind in _AWAITED else VERBS
        for namespace in dict.fromkeys(each["metadata"].get("namespace", "") for each in needs.of_kind(kind)):
            asked |= dict.fromkeys(Review(verb, *place, namespace) for verb in verbs)
    asked |= dict.fromkeys(_read_by_policies(needs, kinds))
    asked |= dict.fromkeys(Review("get", "", "namespaces", name=each.name) for each in needs.existing)
    denied = _denied(api, asked)
    by_place: dict[tuple[str, str, str], list[str]] = {}
    for review in denied:
        by_place.setdefault((review.group, review.resource, review.namespace), []).append(review.verb)
    for (group, resource, namespace), lacking in by_place.items():
        told = ", ".join(lacking)
        named = f"{resource}.{group}" if group else resource
        where = f"in {namespace}" if namespace else "in the whole cluster"
        flags = f"--verb={','.join(lacking)} --resource={named}"
        kind = "role" if namespace else "clusterrole"
        mend = (
            f"kubectl create {kind} NAME {flags}"
            + (f" --namespace={namespace}" if namespace else "")
            + ", bound to that user"
        )
        yield wrong(f"Pulumi may {told} {named} {where}", "it may not", mend)
    if not denied:
        yield fine("Pulumi's rights", f"all {len(asked)} that the stack's objects take")
    yield from granting(needs, api)


class Kinds:
    """What the API server calls kinds."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._served = cache(self._read)

    def resource(self, api_version: str, kind: str) -> tuple[str, str] | None:
        """Return a kind's group and resource, e.g. `("apps", "deployments")`; None for what is not served."""
        group = api_version.rpartition("/")[0]
        resource = self._served(api_version).get(kind)
        return (group, resource) if resource else None

    def _read(self, api_version: str) -> dict[str, str]:
        found = self._api.find(group_path(api_version)) or {}
        return {each["kind"]: each["name"] for each in found.get("resources", []) if "/" not in each["name"]}


def _denied(api: Api, asked: Iterable[Review]) -> list[Review]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [review for review, may in zip(asked, pool.map(api.may, asked), strict=True) if not may]


def _read_by_policies(needs: Needs, kinds: Kinds) -> Iterator[Review]:
    """Yield what bindings of admission policies compare with: who makes one has to be able to read that."""
    policies = {
        each["metadata"]["name"]: each["spec"].get("paramKind") for each in needs.of_kind("ValidatingAdmissionPolicy")
    }
    for binding in needs.of_kind("ValidatingAdmissionPolicyBinding"):
        parameter = policies.get(binding["spec"]["policyName"])
        if parameter and (place := kinds.resource(parameter["apiVersion"], parameter["kind"])):
            yield Review("get", *place, namespace=binding["spec"].get("paramRef", {}).get("namespace", ""))


def granting(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield whether Pulumi may grant what the stack's roles hold: `escalate` on them, or to hold all of it itself.

    https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
    """
    told = False
    for kind, resource in (("Role", "roles"), ("ClusterRole", "clusterroles")):
        held: dict[str, dict[Review, None]] = {}
        for role in needs.of_kind(kind):
            namespace = role["metadata"].get("namespace", "")
            held.setdefault(namespace, {}).update(dict.fromkeys(rules(role)))
        for namespace, reviews in held.items():
            where = f"in {namespace}" if namespace else "in the whole cluster"
            try:
                if all(api.may(Review(verb, _RBAC, resource, namespace)) for verb in ("escalate", "bind")):
                    continue
                denied = _denied(api, reviews)
            except RefusedError as error:
                told = True
                yield unknown(f"Pulumi may grant the stack's {resource} {where}", str(error))
                continue
            if denied:
                told = True
                more = f" and {len(denied) - 3} more" if len(denied) > 3 else ""
                said = f"who grants it has to hold it, and may not {'; '.join(map(str, denied[:3]))}{more}"
                mend = f"give that user these rights, or the verbs escalate and bind on {resource} {where}"
                yield wrong(f"Pulumi may grant the stack's {resource} {where}", said, mend)
    if not told:
        yield fine("Pulumi may grant what the stack's roles hold")


def rules(role: Manifest) -> Iterator[Review]:
    """Yield each right that a role grants."""
    namespace = role["metadata"].get("namespace", "")
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames") or [""]:
                        yield Review(verb, group, resource, namespace, name)
