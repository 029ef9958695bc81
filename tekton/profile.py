"""The seccomp profile for image builds on every node: what a cluster takes that has no other way to bring a file there.

Whoever writes into a folder of the node is trusted with the node, so this stands apart: a namespace of its own, in which
nothing else runs and which nobody reaches; a container that writes one file and ends before the one starts that stays.
"""

import hashlib
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from tekton.settings import SeccompProfile as Settings

NAME = "image-build-seccomp"
# What `build.seccompProfile` names, below the kubelet's own folder.
PLACE = "tekton-delivery"
FILE = "image-build.json"
PROFILE = Path(__file__).resolve().parent.parent / "images" / "seccomp" / FILE
LABELS = {"app.kubernetes.io/name": NAME}
_LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_RESOURCES = {"requests": {"cpu": "1m", "memory": "4Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}}
# A runtime that reads it meanwhile finds the former one or the new one, and no half.
_WRITE = f"cp /profile/{FILE} /node/.{FILE}.new && chmod 644 /node/.{FILE}.new && mv /node/.{FILE}.new /node/{FILE}"


class SeccompProfile(pulumi.ComponentResource):
    """A DaemonSet that writes the profile on each node, also on those that come later."""

    def __init__(self, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tekton:index:SeccompProfile", NAME, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        text = PROFILE.read_text()
        # Pod Security `baseline` admits no folder of the node.
        namespace = k8s.core.v1.Namespace(
            f"{NAME}-namespace",
            metadata={"name": NAME, "labels": LABELS | {"pod-security.kubernetes.io/enforce": "privileged"}},
            opts=child,
        )
        within = {"namespace": namespace.metadata.name, "labels": LABELS}
        k8s.networking.v1.NetworkPolicy(
            f"{NAME}-closed",
            metadata={"name": "default-deny", **within},
            spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
            opts=child,
        )
        config = k8s.core.v1.ConfigMap(f"{NAME}-profile", metadata={"name": NAME, **within}, data={FILE: text}, opts=child)
        write = {
            "name": "write",
            "image": settings.image,
            "command": ["sh", "-c", _WRITE],
            # The folder is root's. Root has no other right here than to what root owns.
            "securityContext": _LOCKED | {"runAsUser": 0, "runAsGroup": 0},
            "resources": _RESOURCES,
            "volumeMounts": [
                {"name": "profile", "mountPath": "/profile", "readOnly": True},
                {"name": "node", "mountPath": "/node"},
            ],
        }
        stay = {
            "name": "stay",
            "image": settings.image,
            "command": ["sleep", "2147483647"],
            "securityContext": _LOCKED | {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532},
            "resources": _RESOURCES,
        }
        pod = {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            # `sleep` as a container's first process hears no signal to end.
            "terminationGracePeriodSeconds": 1,
            "nodeSelector": {"kubernetes.io/os": "linux", **settings.node_selector},
            "tolerations": [dict(each) for each in settings.tolerations],
            "initContainers": [write],
            "containers": [stay],
            "volumes": [
                {"name": "profile", "configMap": {"name": config.metadata.name}},
                # That folder alone: what other workloads have beside it is not seen.
                {"name": "node", "hostPath": {"path": f"{settings.folder}/{PLACE}", "type": "DirectoryOrCreate"}},
            ],
        }
        told = {"tekton-delivery/profile": hashlib.sha256(text.encode()).hexdigest()}
        k8s.apps.v1.DaemonSet(
            f"{NAME}-writer",
            metadata={"name": NAME, **within},
            spec={
                "selector": {"matchLabels": LABELS},
                "updateStrategy": {"rollingUpdate": {"maxUnavailable": "100%"}},
                # A changed profile is written anew.
                "template": {"metadata": {"labels": LABELS, "annotations": told}, "spec": pod},
            },
            opts=child,
        )
        self.register_outputs({})
