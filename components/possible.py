"""Which pods Kubernetes refuses, or can never start, once a patch was merged with what the program declares."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.conventions import Manifest
from components.quantities import thousandths
from components.settings.pod_template import MERGED_BY

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
# Of each of them a pod says one thing.
_ASKS = ("exec", "grpc", "httpGet", "tcpSocket")
_DOES = ("exec", "httpGet", "sleep", "tcpSocket")
# What the API server takes where a pod says nothing.
_GRACE = 30


def problems(template: Manifest, ports: Sequence[str] = ()) -> Iterator[str]:
    """Yield a sentence for each thing in a pod template that cannot be; a Service leads to `ports` by their names."""
    spec = template["spec"]
    containers = [
        (f"spec.{kind}[{each['name']}]", each) for kind in ("containers", "initContainers") for each in _of(spec, kind)
    ]
    yield from _twice("spec.containers and spec.initContainers", "name", [each for _, each in containers])
    for volume in _of(spec, "volumes"):
        yield from _several(f"spec.volumes[{volume['name']}]", volume, [name for name in volume if name != "name"])
    for spread in _of(spec, "topologySpreadConstraints"):
        for name in ("maxSkew", "whenUnsatisfiable"):
            if name not in spread:
                yield f"`spec.topologySpreadConstraints[{spread['topologyKey']}]` needs `{name}`"
    for place, container in containers:
        yield from _container(place, container, {volume["name"] for volume in _of(spec, "volumes")})
    yield from _ended(spec, containers)
    named = {port.get("name") for container in _of(spec, "containers") for port in _of(container, "ports")}
    for port in ports:
        if port not in named:
            yield f"no container has a port of the name `{port}` any more, by which the Service leads there"


def _container(place: str, container: Manifest, volumes: set[str]) -> Iterator[str]:
    if not container.get("image"):
        yield f"`{place}` needs `image`, by its digest"
    yield from _twice(f"{place}.ports", "name", _of(container, "ports"))
    named = {port.get("name") for port in _of(container, "ports")}
    for kind in _PROBES:
        if kind in container:
            yield from _one(f"{place}.{kind}", container[kind], _ASKS)
            for asks in ("httpGet", "tcpSocket"):
                port = _in(container, kind, asks, "port")
                if isinstance(port, str) and port not in named:
                    yield f"`{place}.{kind}.{asks}` asks the port `{port}`, and the container has none of that name"
    for kind, hook in (container.get("lifecycle") or {}).items():
        if isinstance(hook, Mapping):
            yield from _one(f"{place}.lifecycle.{kind}", hook, _DOES)
    for variable in _of(container, "env"):
        if variable.get("value") and "valueFrom" in variable:
            yield from _several(f"{place}.env[{variable['name']}]", variable, ["value", "valueFrom"])
    for kind in ("volumeMounts", "volumeDevices"):
        for mount in _of(container, kind):
            if mount.get("name") not in volumes:
                yield f"`{place}.{kind}[{mount[MERGED_BY[kind]]}]` needs the `name` of one of `spec.volumes`"
    limits, requests = _in(container, "resources", "limits") or {}, _in(container, "resources", "requests") or {}
    for name in requests.keys() & limits.keys():
        asked, most = thousandths(str(requests[name])), thousandths(str(limits[name]))
        if asked is not None and most is not None and asked > most:
            yield f"`{place}.resources.requests.{name}` is {requests[name]}, above the limit of {limits[name]}"


def _ended(spec: Manifest, containers: Sequence[tuple[str, Manifest]]) -> Iterator[str]:
    grace = spec.get("terminationGracePeriodSeconds", _GRACE)
    for place, container in containers:
        sleeps = _in(container, "lifecycle", "preStop", "sleep", "seconds")
        if isinstance(sleeps, int) and isinstance(grace, int) and sleeps > grace:
            yield (
                f"`spec.terminationGracePeriodSeconds` is {grace}, and `{place}.lifecycle.preStop` sleeps {sleeps} s of it: "
                f"allow {sleeps} at least, or take the sleep away (`lifecycle: null`)"
            )


def _one(place: str, value: Any, kinds: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with an object that says one of several things."""
    found = [name for name in kinds if isinstance(value, Mapping) and name in value]
    yield from _several(place, value, found)
    if not found:
        yield f"`{place}` has none of {', '.join(kinds)}: give one, or null for all of it"


def _several(place: str, value: Mapping[str, Any], found: Sequence[str]) -> Iterator[str]:
    if len(found) > 1:
        yield f"`{place}` has {' and '.join(found)}, and can have one of them: the other is null"


def _twice(place: str, key: str, items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [item[key] for item in items if key in item]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"`{place}` has the {key} `{name}` twice: choose another one"


def _of(value: Mapping[str, Any], key: str) -> list[Any]:
    return value.get(key) or []


def _in(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
