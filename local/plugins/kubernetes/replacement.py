"""Which changes need a new object, because the API server would refuse them on the old one.

The table is the official plugin's, facts of the Kubernetes API: any change at, above or below a path here replaces.
"""

from typing import Any

from local.plugins.kubernetes.kinds import Kind
from local.plugins.paths import Path, covers, lookup, parse


def _names(text: str) -> list[str]:
    return text.split()


_SELECTOR = ("spec.selector",)
_STATEFUL_SET = (
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.selector",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
)
_CONTAINER = _names(
    "args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources securityContext "
    "stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir"
)
_POD = _names(
    "affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork "
    "hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName "
    "readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount serviceAccountName "
    "shareProcessNamespace subdomain terminationGracePeriodSeconds volumes"
)

_BY_KIND: dict[Kind, tuple[str, ...]] = {
    Kind("apps/v1", "DaemonSet"): _SELECTOR,
    Kind("apps/v1", "Deployment"): _SELECTOR,
    Kind("apps/v1", "StatefulSet"): _STATEFUL_SET,
    Kind("batch/v1", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): ("roleRef",),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding"): ("roleRef",),
    Kind("storage.k8s.io/v1", "StorageClass"): ("parameters", "provisioner"),
    Kind("v1", "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ),
    Kind("v1", "Pod"): (
        *(f"spec.{name}" for name in _POD),
        *(f"spec.containers[*].{name}" for name in _CONTAINER),
        *(f"spec.initContainers[*].{name}" for name in _CONTAINER),
    ),
    Kind("v1", "ResourceQuota"): ("spec.scopes",),
    Kind("v1", "Secret"): ("type",),
    Kind("v1", "Service"): ("spec.clusterIP",),
}


def force_new(kind: Kind, value: dict[str, Any], secret_mutable: bool, config_map_mutable: bool) -> list[Path]:
    """The paths whose change replaces this object."""
    texts: tuple[str, ...] = ("metadata.name", "metadata.namespace", *_BY_KIND.get(kind, ()))
    immutable = value.get("immutable") is True
    if kind == Kind("v1", "Secret") and (immutable or not secret_mutable):
        texts += ("data", "stringData")
    if kind == Kind("v1", "ConfigMap") and (immutable or not config_map_mutable):
        texts += ("data", "binaryData")
    return [parse(text) for text in texts]


def replaces(patterns: list[Path], path: Path, changed: Any) -> bool:
    """True when a change at `path` touches one of the patterns; `changed` is the value that came or went there."""
    for pattern in patterns:
        if covers(pattern, path):
            return True
        if covers(pattern[: len(path)], path) and _reaches(changed, pattern[len(path) :]):
            return True
    return False


def _reaches(value: Any, pattern: Path) -> bool:
    if not pattern:
        return True
    if pattern[0] == "*":
        return isinstance(value, list) and any(_reaches(item, pattern[1:]) for item in value)
    found = lookup(value, pattern[:1])
    return isinstance(value, dict) and pattern[0] in value and _reaches(found, pattern[1:])
