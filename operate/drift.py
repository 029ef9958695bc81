"""What the cluster has otherwise than a stack declares it, and how to take it back.

The provider sees a change of what it set. What somebody adds beside that (a verb, a subject, a key, an item of a list) is
none for it. Here an object is as declared if replacing it by its declaration would change nothing: the API server is asked
to do that as a dry run, so its defaults and those of webhooks are no drift.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, DynamicApiError, NotFoundError, UnprocessibleEntityError

from components.conventions import Manifest
from operate import kubeconfig
from operate.declared import Declaration, Declared
from operate.errors import OperateError

# The name under which the provider creates: what is under this name it takes for its own.
FIELD_MANAGER = "pulumi-kubernetes"
# Where one more object opens what the declared ones close.
EXACT_IN_NAMESPACES = (
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
)
# Their annotations are notes of controllers and of deliveries; those of other kinds are exact.
ANNOTATED_BY_OTHERS = ("Deployment", "Lease", "ConfigMap", "Namespace", "Service", "CronJob", "Secret")
_SERVERS_OWN = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
_TRIES = 4
_AT_ONCE = 8


@dataclass(frozen=True)
class Drift:
    """An object that is not as it was declared."""

    what: str
    paths: tuple[str, ...] = ()
    """What would change; empty if the object as a whole is missing or not declared."""
    note: str = ""
    repaired: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {', '.join(self.paths) or self.note}" + (f" ({self.note})" if self.paths and self.note else "")


def connect(declaration: Declaration) -> DynamicClient:
    """Return the cluster on which the stack declares."""
    try:
        api = kubeconfig.connect(declaration.context, declaration.kubeconfig)
    except (OSError, config.ConfigException) as error:
        raise OperateError(f"the kubeconfig cannot be used: {error}; $KUBECONFIG names another one") from None
    return DynamicClient(api)  # type: ignore[no-untyped-call]


def find(cluster: DynamicClient, declaration: Declaration, *, repair: bool = False) -> list[Drift]:
    """Return what is not as declared; with `repair`, after replacing what can be by its declaration."""

    def one(declared: Declared) -> Drift | None:
        return _compare(cluster, declared, repair=repair)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = [drift for drift in pool.map(one, declaration.objects) if drift]
    return sorted([*found, *_undeclared(cluster, declaration)], key=str)


def _compare(cluster: DynamicClient, declared: Declared, *, repair: bool) -> Drift | None:
    manifest = declared.manifest
    name, namespace = manifest["metadata"]["name"], manifest["metadata"].get("namespace")
    kind = cluster.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
    for attempt in range(1, _TRIES + 1):
        try:
            live = kind.get(name=name, namespace=namespace).to_dict()
            wanted = replacement(declared, live)
            flags = {"namespace": namespace, "field_manager": FIELD_MANAGER}
            paths = tuple(differences(live, kind.replace(body=wanted, dry_run="All", **flags).to_dict()))
            if paths and repair:
                kind.replace(body=wanted, **flags)
            return Drift(str(declared), paths, repaired=repair) if paths else None
        except NotFoundError:
            return Drift(str(declared), note="is missing; `pulumi up` makes it")
        except UnprocessibleEntityError as error:
            return Drift(str(declared), note=f"can only be made anew (delete it, then `pulumi up`): {_message(error)}")
        except ConflictError:
            if attempt == _TRIES:
                raise OperateError(f"{declared}: somebody else keeps changing it; try again") from None
        except DynamicApiError as error:
            raise OperateError(f"{declared}: {_message(error)}") from None
    return None


def replacement(declared: Declared, live: Manifest) -> Manifest:
    """Return what is sent in an object's place: its declaration, with what is not the stack's as it is."""
    made = deepcopy(declared.manifest)
    metadata, there = made["metadata"], live["metadata"]
    if made["kind"] in ANNOTATED_BY_OTHERS:
        both = {**there.get("annotations", {}), **metadata.get("annotations", {})}
        metadata |= {"annotations": both} if both else {}
    for name in ("resourceVersion", "finalizers", "ownerReferences"):
        if name in there:
            metadata[name] = there[name]
    if "status" in live:
        made["status"] = live["status"]
    for path in declared.ignored:
        _copy(path, live, made)
    return made


def _copy(path: str, source: Any, target: Any) -> None:
    """Make the value at a path what it is in another object: absent where it is absent there."""
    *parents, last = (int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path))
    try:
        for part in parents:
            source, target = source[part], target[part]
    except (KeyError, IndexError):
        return
    if isinstance(last, int) or last in source:
        target[last] = source[last]
    else:
        target.pop(last, None)


def differences(live: Manifest, wanted: Manifest) -> Iterator[str]:
    """Yield the paths at which an object is not what it should be. Values stay out: some are secret."""
    yield from _differences(_comparable(live), _comparable(wanted), "")


def _comparable(manifest: Manifest) -> Manifest:
    metadata = {name: value for name, value in manifest["metadata"].items() if name not in _SERVERS_OWN}
    return {name: value for name, value in manifest.items() if name != "status"} | {"metadata": metadata}


def _differences(live: Any, wanted: Any, path: str) -> Iterator[str]:
    if isinstance(live, dict) and isinstance(wanted, dict):
        for name in sorted({*live, *wanted}):
            inner = f"{path}.{name}" if path else name
            if name not in wanted:
                yield f"{inner} was added"
            elif name not in live:
                yield f"{inner} was removed"
            else:
                yield from _differences(live[name], wanted[name], inner)
    elif isinstance(live, list) and isinstance(wanted, list):
        for index in range(max(len(live), len(wanted))):
            inner = f"{path}[{index}]"
            if index >= len(wanted):
                yield f"{inner} was added"
            elif index >= len(live):
                yield f"{inner} was removed"
            else:
                yield from _differences(live[index], wanted[index], inner)
    elif live != wanted:
        yield f"{path} was changed"


def _undeclared(cluster: DynamicClient, declaration: Declaration) -> Iterator[Drift]:
    """Yield what opens a namespace of the stack and is not the stack's."""
    manifests = [declared.manifest for declared in declaration.objects]
    known = {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in manifests}
    made = {each["metadata"]["name"] for each in manifests if each["kind"] == "Namespace"}
    # Where deliveries run in a namespace that was there already, that is for them alone.
    for namespace in sorted(made | {each["metadata"]["namespace"] for each in manifests if each["kind"] == "Task"}):
        for api_version, kind in EXACT_IN_NAMESPACES:
            listed = cluster.resources.get(api_version=api_version, kind=kind).get(namespace=namespace).to_dict()["items"]
            for name in sorted(item["metadata"]["name"] for item in listed):
                if (kind, namespace, name) not in known:
                    yield Drift(f"{kind} {namespace}/{name}", note="is not declared; delete it, or declare it")


def _message(error: client.ApiException) -> str:
    return str(getattr(error, "summary", lambda: error.reason)())
