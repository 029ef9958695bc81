"""The table: one row for each thing that each container of each pod of each trigger can reach."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from components.conventions import Manifest
from offline.reachability.escalation import accounts, allows, leads_to
from offline.reachability.limits import limit
from offline.reachability.listeners import causes
from offline.reachability.network import openings
from offline.reachability.objects import Objects
from offline.reachability.pods import Pod, job, workload
from offline.reachability.rights import rights
from offline.reachability.things import EVERY, Account, Right, Secret, Takeover, Thing

NODE, NOBODY, NETWORK = "the node", "nobody", "the network"


@dataclass(frozen=True)
class Row:
    """A thing in reach, and the way to it."""

    cause: str
    """The trigger or listener."""
    pod: str
    container: str
    runs: str
    """Whose code has it: our script, pull-request code, the delivered image; or the node alone, nobody, or all of it."""
    reaches: str
    through: tuple[str, ...]
    """The way from the container to it: how the first thing came there, the first thing, the step to the next, ..."""
    namespace: str | None
    """Where the thing is; None: in the whole cluster."""


def rows(manifests: Iterable[Manifest]) -> list[Row]:
    """Return the table of the objects of one cluster, triggers sorted, pods and containers in their order."""
    objects = Objects(manifests)
    found: dict[Row, None] = {}
    for cause in causes(objects):
        delivered = {pod for started in cause.pods for pod in _delivered(started, objects)}
        for pod in [*cause.pods, *sorted(delivered, key=lambda pod: pod.origin)]:
            found |= dict.fromkeys(_pod_rows(cause.name, pod, objects))
    return list(found)


def _delivered(pod: Pod, objects: Objects) -> Iterator[Pod]:
    """Yield the pods whose image the pod's account chooses: an application runs what was built, and so do its Jobs."""
    for right in rights(pod.account, objects) if pod.token_mounted else []:
        if allows(right, "create", "batch", "jobs"):
            yield from (job(template, objects) for template in objects.all("PodTemplate", right.namespace))
        if any(allows(right, verb, "apps", "deployments") for verb in ("update", "patch")):
            for deployment in objects.all("Deployment", right.namespace):
                if not right.names or deployment["metadata"]["name"] in right.names:
                    yield workload(deployment, objects)


def _pod_rows(cause: str, pod: Pod, objects: Objects) -> Iterator[Row]:
    title = f"{pod.name} ({pod.origin})"

    def row(container: str, runs: str, reaches: object, namespace: str | None, *through: str) -> Row:
        return Row(cause, title, container, runs, str(reaches), through, namespace)

    home = pod.account.namespace
    yield row("", "", f"a pod in {home}", home, f"as {pod.account}")
    for secret in pod.pull_secrets:
        yield row("", NODE, f"pull {secret}", secret.namespace, "imagePullSecrets: no container can read it")
    for there, policy in openings(pod, objects):
        yield row("", NETWORK, there, home, policy)
    if not pod.token_mounted:
        # Nobody has these as long as the token is mounted nowhere; that is one line away.
        for thing, through in _reached([(pod.account, "its token is mounted in no container")], objects):
            if thing != pod.account:
                yield row("", NOBODY, thing, thing.namespace, *through)
    for container in pod.containers:
        nothing = True
        for thing, through in _reached(container.holds, objects):
            nothing = False
            yield row(container.name, container.runs, thing, thing.namespace, *through)
        if nothing:
            yield row(container.name, container.runs, "nothing", home)


def _reached(start: Iterable[tuple[Thing, str]], objects: Objects) -> list[tuple[Thing, tuple[str, ...]]]:
    """Return all that follows from holding some things, each with the shortest way to it, sorted by ways."""
    ways: dict[Thing, tuple[str, ...]] = {}
    queue: deque[tuple[Thing, tuple[str, ...]]] = deque(
        (thing, (through,)) for thing, through in sorted(start, key=lambda held: (str(held[0]), held[1]))
    )
    while queue:
        thing, way = queue.popleft()
        if thing not in ways:
            ways[thing] = way
            queue += [(following, (*way, str(thing), step)) for following, step in _next(thing, objects)]
    return sorted(ways.items(), key=lambda reached: (*reached[1], str(reached[0])))


def _next(thing: Thing, objects: Objects) -> Iterator[tuple[Thing, str]]:
    """Yield what one thing gives, and by what."""
    if isinstance(thing, Account):
        for right in rights(thing, objects):
            limited = replace(right, limit=limit(thing, right, objects))
            yield limited, f"{right.role} by {right.binding}"
    elif isinstance(thing, Right):
        yield from ((gained, "by that right") for gained in leads_to(thing, objects))
    elif isinstance(thing, Takeover):
        yield Secret(thing.namespace, EVERY), "mounted there"
        yield from ((Account(thing.namespace, name), "run as it") for name in accounts(thing.namespace, objects))
    elif isinstance(thing, Secret):
        yield from ((account, "its token is in there") for account in _token_in(thing, objects))


def _token_in(secret: Secret, objects: Objects) -> Iterator[Account]:
    """Yield the account whose long-lived token a Secret holds."""
    for declared in objects.all("Secret", secret.namespace):
        metadata = declared["metadata"]
        if declared.get("type") == "kubernetes.io/service-account-token" and secret.name in (EVERY, metadata["name"]):
            yield Account(secret.namespace, metadata["annotations"]["kubernetes.io/service-account.name"])
