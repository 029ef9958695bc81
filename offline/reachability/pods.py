"""A pod as its containers see it: what is mounted where, and whose code runs there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from components.conventions import Manifest
from offline.reachability.objects import Objects, ReachabilityError, parameterised, place
from offline.reachability.things import EVERY, Account, Claim, Everything, Secret, Thing

OURS = "our script"
UNTRUSTED = "pull-request code"
DELIVERED = "delivered image"
LISTENER = "listener"

Held = tuple[Thing, str]
"""What a container holds, and how it came there."""

# Volumes that hold nothing but what the pod itself or a ConfigMap put there.
HARMLESS = frozenset({"emptyDir", "configMap", "downwardAPI", "ephemeral", "image"})


@dataclass(frozen=True)
class Container:
    """A step, a sidecar, or an application's container."""

    name: str
    runs: str
    holds: tuple[Held, ...]


@dataclass(frozen=True)
class Pod:
    """A pod that an event can start or change."""

    name: str
    """The pipeline task, or the workload."""
    origin: str
    """The object that declares it."""
    account: Account
    containers: tuple[Container, ...]
    pull_secrets: tuple[Secret, ...]
    labels: tuple[tuple[str, str], ...]
    """By which network policies select it."""

    @property
    def token_mounted(self) -> bool:
        """Whether any of its containers holds the token of its service account."""
        return any(thing == self.account for container in self.containers for thing, _ in container.holds)


def volume(spec: Manifest, namespace: str, account: Account, through: str) -> Iterator[Held]:
    """Yield what is in a volume, given as Kubernetes or as a Tekton workspace writes it."""
    for kind, source in spec.items():
        if kind in ("name", "workspace", "subPath", "volumeClaimTemplate") or kind in HARMLESS:
            continue
        if kind == "secret":
            yield _secret(source.get("secretName"), namespace), through
        elif kind == "projected":
            for projection in source["sources"]:
                if "secret" in projection:
                    yield _secret(projection["secret"]["name"], namespace), through
                if "serviceAccountToken" in projection:
                    yield account, through
        elif kind == "persistentVolumeClaim":
            yield Claim(namespace, source["claimName"]), through
        elif kind == "hostPath":
            yield Everything(), f"{through}: {source['path']} of the node"
        else:
            raise ReachabilityError(f"{through} in {namespace} is of kind {kind}; what it holds cannot be told")


def environment(container: Manifest, namespace: str) -> Iterator[Held]:
    """Yield the secrets in a container's environment."""
    for variable in container.get("env", []):
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        if reference:
            yield _secret(reference["name"], namespace), f"env {variable['name']}"
    for source in container.get("envFrom", []):
        if "secretRef" in source:
            yield _secret(source["secretRef"]["name"], namespace), "envFrom"


def mounts(container: Manifest, volumes: Mapping[str, Manifest], account: Account, where: str) -> Iterator[Held]:
    """Yield what a container's mounts hold."""
    for mount in container.get("volumeMounts", []):
        name = mount["name"]
        if name not in volumes:
            raise ReachabilityError(f"{where} mounts the volume '{name}', which is not declared")
        yield from volume(volumes[name], account.namespace, account, f"volume {name}")


def privileged(container: Manifest) -> Iterator[Held]:
    """Yield the node, and with it the cluster, for a privileged container."""
    if container.get("securityContext", {}).get("privileged"):
        yield Everything(), "privileged container"


def on_every_container(account: Account, pod: Manifest, objects: Objects) -> Iterator[Held]:
    """Yield what all containers of a pod hold: a token that is mounted by default, and the host's namespaces."""
    declared = objects.find("ServiceAccount", account.namespace, account.name) or {}
    by_account = declared.get("automountServiceAccountToken", True)
    if pod.get("automountServiceAccountToken", by_account):
        yield account, "token mounted by default in every container"
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield Everything(), name


def pull_secrets(account: Account, pod: Manifest, objects: Objects) -> tuple[Secret, ...]:
    """Return the secrets that the node pulls the pod's images with. No container can read them."""
    declared = objects.find("ServiceAccount", account.namespace, account.name) or {}
    names = {item["name"] for item in [*declared.get("imagePullSecrets", []), *pod.get("imagePullSecrets", [])]}
    return tuple(Secret(account.namespace, name) for name in sorted(names))


def named(items: Iterable[Manifest]) -> dict[str, Manifest]:
    """Return a list of objects with names as a mapping."""
    return {item["name"]: item for item in items}


def account_of(name: str | None, namespace: str, by: str) -> Account:
    """Return the account that a pod runs as."""
    if name and parameterised(name):
        raise ReachabilityError(f"{by} takes its service account from a parameter: {name}")
    return Account(namespace, name or "default")


def workload(manifest: Manifest, objects: Objects) -> Pod:
    """Return the pod of a Deployment, whose image was delivered by a run."""
    return pod(manifest, manifest["spec"]["template"], DELIVERED, objects)


def job(manifest: Manifest, objects: Objects) -> Pod:
    """Return the pod of the Jobs that a PodTemplate is for, whose image was delivered by a run."""
    return pod(manifest, manifest["template"], DELIVERED, objects)


def pod(manifest: Manifest, template: Manifest, runs: str, objects: Objects) -> Pod:
    """Return the pod that an object declares by a template; `runs` is what its containers run."""
    spec = template["spec"]
    where = f"{manifest['kind']} {place(manifest)}"
    account = account_of(spec.get("serviceAccountName"), manifest["metadata"]["namespace"], where)
    volumes = named(spec.get("volumes", []))
    everywhere = list(on_every_container(account, spec, objects))
    containers = [
        Container(
            name=container["name"],
            runs=runs,
            holds=(
                *everywhere,
                *environment(container, account.namespace),
                *mounts(container, volumes, account, where),
                *privileged(container),
            ),
        )
        for container in [*spec.get("initContainers", []), *spec["containers"]]
    ]
    labels = tuple(sorted(template.get("metadata", {}).get("labels", {}).items()))
    name = manifest["metadata"]["name"]
    return Pod(name, where, account, tuple(containers), pull_secrets(account, spec, objects), labels)


def _secret(name: str | None, namespace: str) -> Secret:
    """Return a Secret; one that a parameter names may be any."""
    return Secret(namespace, EVERY if not name or parameterised(name) else name)
