"""What the engine knows of the cluster: namespaces, pods with an address, policies."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

Object = Mapping[str, Any]
Labels = Mapping[str, str]

_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Pod:
    """A pod that has, or may have, processes on the pod network."""

    namespace: str
    labels: Labels
    address: IPv4Address
    ports: tuple[tuple[str, str, int], ...] = ()
    """Name, protocol and number of its containers' named ports."""


@dataclass(frozen=True)
class Policy:
    """A NetworkPolicy."""

    namespace: str
    name: str
    spec: Object


@dataclass(frozen=True)
class State:
    """The cluster at one moment."""

    namespaces: Mapping[str, Labels]
    pods: tuple[Pod, ...] = ()
    policies: tuple[Policy, ...] = ()


def pod(item: Object) -> Pod | None:
    """Return a Pod as the API server has it; None for one that has no address of its own, not yet or no more."""
    spec, status, metadata = item["spec"], item.get("status", {}), item["metadata"]
    if spec.get("hostNetwork") or status.get("phase") in _ENDED or not status.get("podIP"):
        return None
    # A container that starts before the others and stays, too, may have named ports.
    containers = [*spec["containers"], *(spec.get("initContainers") or [])]
    named = [
        (port["name"], port.get("protocol", "TCP"), int(port["containerPort"]))
        for container in containers
        for port in container.get("ports") or []
        if port.get("name")
    ]
    address = IPv4Address(status["podIP"])
    return Pod(metadata["namespace"], metadata.get("labels") or {}, address, tuple(named))


def known(pods: Collection[Pod]) -> tuple[Pod, ...]:
    """Return the pods whose address is theirs alone. After a reboot one may be told of two: of who had it and who has it."""
    told = Counter(pod.address for pod in pods)
    return tuple(pod for pod in pods if told[pod.address] == 1)


def policy(item: Object) -> Policy:
    """Return a NetworkPolicy as the API server has it."""
    return Policy(item["metadata"]["namespace"], item["metadata"]["name"], item["spec"])


def labels(item: Object) -> Labels:
    """Return an object's labels."""
    return item["metadata"].get("labels") or {}


def selects(selector: Object, found: Labels) -> bool:
    """Whether a label selector takes an object with these labels; the empty one takes every object."""
    if not (selector.get("matchLabels") or {}).items() <= found.items():
        return False
    return all(_holds(requirement, found) for requirement in selector.get("matchExpressions") or [])


def _holds(requirement: Object, found: Labels) -> bool:
    """Raises ValueError for an operator that the API does not have."""
    key, values = requirement["key"], requirement.get("values") or []
    match requirement["operator"]:
        case "In":
            return found.get(key) in values
        case "NotIn":
            return key not in found or found[key] not in values
        case "Exists":
            return key in found
        case "DoesNotExist":
            return key not in found
        case other:
            raise ValueError(f"a label selector has no operator {other}")


def chosen(state: State, peer: Object, namespace: str) -> Iterable[Pod]:
    """Return the pods that a peer (`podSelector`, `namespaceSelector`) of a policy of this namespace means."""
    within = peer.get("namespaceSelector")
    for candidate in state.pods:
        if within is None:
            if candidate.namespace != namespace:
                continue
        elif not selects(within, state.namespaces.get(candidate.namespace, {})):
            continue
        if selects(peer.get("podSelector") or {}, candidate.labels):
            yield candidate
