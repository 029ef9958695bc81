"""Pod Security: every namespace enforces a level, and every container holds to `restricted` by itself."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from policy.declared import Container, Declared, Fields, containers, items, mapping, mappings

LEVEL = "pod-security.kubernetes.io/enforce"
LEVELS = ("restricted", "baseline")
NODE_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
# Triggers' controller gives a listener's container its security context where none is written.
CONTEXT_GIVEN_BY_CONTROLLER = ("EventListener",)


def namespace_levels(item: Declared) -> Iterator[str]:
    """Yield why a namespace admits privileged pods."""
    if item.kind == "Namespace" and item.group == "":
        level = item.labels.get(LEVEL)
        if level not in LEVELS:
            yield f"metadata.labels: {LEVEL} is {level or 'absent'}; set it to {' or '.join(LEVELS)}"


def security_contexts(item: Declared, root: frozenset[str]) -> Iterator[str]:
    """Yield what a container may do that `restricted` refuses.

    `root` names the steps that build images, as Task/step with `*` for any text: they run as uid 0 with some
    capabilities, in a user namespace that the run's pod template makes and an admission policy demands.
    """
    if item.kind in CONTEXT_GIVEN_BY_CONTROLLER:
        return
    yield from _node(item.fields)
    if item.kind == "StepAction":
        spec = mapping(item.fields, "spec")
        yield from _container(Container("spec", spec, {}), allow_root=False)
    for container in containers(item.fields):
        # A step by reference is what the StepAction says.
        if "ref" not in container.fields:
            step = f"{item.name}/{container.fields.get('name')}"
            yield from _container(
                container, allow_root=item.kind == "Task" and any(fnmatchcase(step, name) for name in root)
            )


def _node(fields: Fields) -> Iterator[str]:
    for path, found in mappings(fields):
        for key in NODE_NAMESPACES:
            if found.get(key) is True:
                yield f"{path}.{key}: the pod would share the node's"
        for volume in items(found, "volumes"):
            if isinstance(volume, Mapping) and "hostPath" in volume:
                yield f"{path}.volumes[{volume.get('name')}]: hostPath is the node's disk; use emptyDir or a claim"


def _container(container: Container, *, allow_root: bool) -> Iterator[str]:
    own = mapping(container.fields, "securityContext")

    def value(name: str) -> object:
        return own[name] if name in own else container.inherited.get(name)

    where = f"{container.path}.securityContext"
    capabilities = mapping(own, "capabilities") or mapping(container.inherited, "capabilities")
    if own.get("privileged"):
        yield f"{where}: privileged is the node's root"
    if value("allowPrivilegeEscalation") is not False:
        yield f"{where}: set allowPrivilegeEscalation: false"
    if "ALL" not in items(capabilities, "drop"):
        yield f"{where}: set capabilities: {{drop: [ALL]}}"
    profile = value("seccompProfile")
    if not isinstance(profile, Mapping) or profile.get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{where}: set seccompProfile: {{type: RuntimeDefault}}"
    if allow_root:
        return
    if items(capabilities, "add"):
        yield f"{where}: capabilities.add: {', '.join(items(capabilities, 'add'))}; add none"
    if value("runAsNonRoot") is not True or value("runAsUser") == 0:
        yield f"{where}: set runAsNonRoot: true and no runAsUser: 0"
