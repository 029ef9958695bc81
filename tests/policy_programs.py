"""Small programs for the policy pack to judge, each with an object or two, as a stack would declare them."""

from collections.abc import Callable, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

DIGEST = "ghcr.io/acme/shop@sha256:" + "a" * 64
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
IMAGE_PATH = "spec.template.spec.containers[0].image"

Program = Callable[[], object]


def custom(kind: str, spec: dict[str, Any], **metadata: Any) -> Program:
    """A program with one Tekton object."""
    group = "tekton.dev/v1" if kind in ("Task", "Pipeline") else "triggers.tekton.dev/v1beta1"
    group = "tekton.dev/v1beta1" if kind == "StepAction" else group
    named = {"name": "x", "namespace": "staging-ci"} | metadata
    return lambda: k8s.apiextensions.CustomResource(
        f"{kind}-{named['name']}", api_version=group, kind=kind, metadata=named, spec=spec
    )


def step(**fields: Any) -> Program:
    return custom("Task", {"steps": [{"name": "s", "image": DIGEST, "securityContext": RESTRICTED} | fields]})


def role(kind: str = "Role", **rule: Any) -> Program:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]} | rule]
    return lambda: getattr(k8s.rbac.v1, kind)("r", metadata={"name": "r"}, rules=rules)


def binding(role_name: str = "reader", kind: str = "ServiceAccount", subject: str = "a") -> Program:
    return lambda: k8s.rbac.v1.ClusterRoleBinding(
        "b",
        metadata={"name": "b"},
        role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role_name},
        subjects=[{"kind": kind, "name": subject}],
    )


def pod(template: dict[str, Any] | None = None, **container: Any) -> Program:
    spec = {"containers": [{"name": "c", "image": DIGEST, "securityContext": RESTRICTED} | container]}
    return lambda: k8s.batch.v1.Job("job", metadata={"name": "j"}, spec={"template": {"spec": spec | (template or {})}})


def opening(*to: dict[str, Any], ports: Sequence[dict[str, Any]] = ({"port": 443},)) -> Program:
    spec = {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{"ports": [*ports]} | ({"to": [*to]} if to else {})],
    }
    return lambda: k8s.networking.v1.NetworkPolicy("o", metadata={"name": "o"}, spec=spec)


def block(cidr: str, *excepted: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr} | ({"except": [*excepted]} if excepted else {})}


def namespace(level: str | None) -> Program:
    labels = {} if level is None else {"pod-security.kubernetes.io/enforce": level}
    return lambda: k8s.core.v1.Namespace("n", metadata={"name": "n", "labels": labels})


def config_map(data: dict[str, Any]) -> Program:
    return lambda: k8s.core.v1.ConfigMap("m", metadata={"name": "m"}, data=data)


def unmarked_secret(value: Any) -> Program:
    """A Secret whose data another SDK, or an untyped resource, hands over."""
    return lambda: pulumi.CustomResource(
        "kubernetes:core/v1:Secret", "s", {"metadata": {"name": "s"}, "stringData": {"password": value}}
    )


def listener(spec: dict[str, Any]) -> Program:
    return custom("EventListener", spec)


def group(*interceptors: dict[str, Any]) -> dict[str, Any]:
    return {"triggerGroups": [{"name": "g", "interceptors": list(interceptors)}]}


def deployed(ignored: list[str], verbs: tuple[str, ...] = ("get", "patch")) -> Program:
    """A Deployment and a Role by which a pipeline may patch it."""

    def program() -> None:
        rule = {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["shop"], "verbs": list(verbs)}
        k8s.rbac.v1.Role("r", metadata={"name": "deployer", "namespace": "staging"}, rules=[rule])
        container = {"name": "app", "image": DIGEST, "securityContext": RESTRICTED}
        k8s.apps.v1.Deployment(
            "d",
            metadata={"name": "shop", "namespace": "staging"},
            spec={"selector": {}, "template": {"spec": {"containers": [container]}}},
            opts=pulumi.ResourceOptions(ignore_changes=ignored),
        )

    return program


def environments(extra: Program) -> Program:
    """Staging, which runs pull requests, and production, which does not; and something that somebody adds."""

    def program() -> None:
        for environment in ("staging", "production"):
            for name in (environment, f"{environment}-ci"):
                labels = {"tekton-delivery/environment": environment, "pod-security.kubernetes.io/enforce": "restricted"}
                k8s.core.v1.Namespace(name, metadata={"name": name, "labels": labels})
        annotated = {"annotations": {"tekton-delivery/untrusted-from": "test"}, "name": "build"}
        custom("Task", {"steps": [{"name": "s", "image": DIGEST, "securityContext": RESTRICTED}]}, **annotated)()
        extra()

    return program


def secret_in(namespace_name: str, environment: str | None, **fields: Any) -> Program:
    labels = {"tekton-delivery/environment": environment} if environment else {}
    metadata = {"name": "s", "namespace": namespace_name, "labels": labels}
    given = {"string_data": {"token": "t"}} | fields
    return environments(lambda: k8s.core.v1.Secret("s", metadata=metadata, **given))


def bound_in(namespace_name: str, account: str, resource: str, verb: str) -> Program:
    """A right in a namespace, for an account `namespace/name`."""
    home, name = account.split("/")

    def program() -> None:
        metadata = {"name": "right", "namespace": namespace_name}
        rule = {"apiGroups": ["tekton.dev"], "resources": [resource], "verbs": [verb]}
        k8s.rbac.v1.Role("right", metadata=metadata, rules=[rule])
        k8s.rbac.v1.RoleBinding(
            "right",
            metadata=metadata,
            role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "right"},
            subjects=[{"kind": "ServiceAccount", "namespace": home, "name": name}],
        )

    return environments(program)
