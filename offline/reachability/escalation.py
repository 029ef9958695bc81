"""What a right leads to beyond its own words: reading secrets, starting pods, becoming somebody else."""

from collections.abc import Iterator

from offline.reachability.objects import Objects
from offline.reachability.things import EVERY, Account, Everything, Right, Secret, Takeover, Thing

WRITES = frozenset({"create", "update", "patch"})
READS = frozenset({"get", "list", "watch", "delete", "deletecollection"})

# Each is a way to run a container of one's own choice in the namespace, at once or when the next run starts.
STARTS_PODS = {
    "": ("pods", "pods/ephemeralcontainers", "podtemplates", "replicationcontrollers"),
    "apps": ("deployments", "statefulsets", "daemonsets", "replicasets"),
    "batch": ("jobs", "cronjobs"),
    # A run goes on from what its status says that it resolved.
    "tekton.dev": ("pipelines", "tasks", "stepactions", "pipelineruns/status", "taskruns/status"),
    "triggers.tekton.dev": ("eventlisteners", "triggers", "triggertemplates", "triggerbindings", "interceptors"),
}
# Of an existing run, Tekton's admission webhook lets nothing change but spec.status: it can be cancelled, not redirected.
STARTS_PODS_IF_CREATED = {"tekton.dev": ("pipelineruns", "taskruns")}
# A running container is entered by connecting to it; reading is enough for these (`kubectl exec` gets or creates).
ENTERS_PODS = ("pods/exec", "pods/attach", "pods/portforward", "pods/proxy")

# The verbs that end at somebody else's rights, whatever they are on.
BECOMES_ANYBODY = frozenset({"impersonate", "escalate", "bind"})

# Writing one of these reaches the node or every request to the API server.
REACHES_CLUSTER = {
    "": ("nodes", "nodes/proxy", "persistentvolumes"),
    "admissionregistration.k8s.io": (EVERY,),
    "apiregistration.k8s.io": (EVERY,),
    "certificates.k8s.io": (EVERY,),
    "triggers.tekton.dev": ("clusterinterceptors", "clustertriggerbindings"),
}


def starts_pods(right: Right) -> list[tuple[str, str, str]]:
    """Return the (group, resource, verb) triples of a right that start or change pods."""
    return [
        (group, resource, verb)
        for table, verbs in ((STARTS_PODS, WRITES), (STARTS_PODS_IF_CREATED, {"create"}))
        for group, resources in table.items()
        for resource in resources
        for verb in sorted(verbs)
        if allows(right, verb, group, resource)
    ]


def allows(right: Right, verb: str, group: str, resource: str) -> bool:
    """Return whether a right covers a verb on a resource; a subresource is named as `pods/exec`."""
    subresource = resource.partition("/")[2]
    resources = {resource, EVERY} | ({f"*/{subresource}"} if subresource else set())
    return (
        bool({verb, EVERY} & set(right.verbs))
        and bool({group, EVERY} & set(right.groups))
        and bool(resources & set(right.resources))
    )


def allows_any(right: Right, verbs: frozenset[str], table: dict[str, tuple[str, ...]]) -> bool:
    """Return whether a right covers one of the verbs on one of the resources in the table."""
    for group, resources in table.items():
        for resource in right.resources if EVERY in resources else resources:
            if any(allows(right, verb, group, resource) for verb in verbs):
                return True
    return False


def leads_to(right: Right, objects: Objects) -> Iterator[Thing]:
    """Yield what somebody with this right gets hold of."""
    if (
        BECOMES_ANYBODY & set(right.verbs)
        or EVERY in right.verbs
        or allows_any(right, WRITES, REACHES_CLUSTER)
        or allows(right, "get", "", "nodes/proxy")
    ):
        yield Everything()
    # A change of a Secret answers with all of it.
    secrets = any(allows(right, verb, "", "secrets") for verb in (*READS, *WRITES - {"create"}))
    tokens = allows(right, "create", "", "serviceaccounts/token")
    starts = bool(starts_pods(right)) and not right.limit
    enters = any(allows(right, verb, "", resource) for resource in ENTERS_PODS for verb in ("get", "create"))
    if right.namespace is None:
        # In one of all namespaces there is somebody whom nothing is refused.
        if secrets or tokens or starts or enters:
            yield Everything()
        return
    if starts or enters:
        yield Takeover(right.namespace)
    if secrets:
        yield from (Secret(right.namespace, name) for name in right.names or (EVERY,))
    if tokens:
        yield from (Account(right.namespace, name) for name in right.names or accounts(right.namespace, objects))


def accounts(namespace: str, objects: Objects) -> list[str]:
    """Return the names of a namespace's service accounts; `default` is in each."""
    return sorted({"default"} | {item["metadata"]["name"] for item in objects.all("ServiceAccount", namespace)})
