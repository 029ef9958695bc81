"""An environment's two namespaces: one where applications run, one where its listener and its runs live."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import sources
from components.conventions import FREEZE, RUNS_COUNTED, RUNS_QUOTA, key, labels, token

POD_SECURITY = "pod-security.kubernetes.io"


@dataclass(frozen=True, kw_only=True)
class EnvironmentArgs:
    """What an environment needs to know."""

    name: str
    """The environment's name, and its workload namespace's unless that has another one."""
    workload_namespace: str | None = None
    delivery_namespace: str
    existing: Collection[str] = ()
    """Which of the two, `workload` and `delivery`, are there already and somebody else's."""
    builds_images: bool
    """Whether pods with pull-request code run here. Image builds need Pod Security `baseline` instead of `restricted`:
    BuildKit gets a user namespace of its own, whose id maps take SETUID and SETGID in the pod's."""
    frozen: str | None
    """Why nothing is rolled out here for now."""
    max_pods: int
    """Quota of the workload namespace, and of the delivery namespace unless that has its own."""
    max_delivery_pods: int | None = None
    max_runs: int
    """Quota of the delivery namespace: runs, those included that have ended and not been pruned."""


def _fit(name: str, metadata: Any, role: str, level: str) -> str:
    """Return the name of a namespace that somebody else made. Raises an error if it does not admit what is to run there."""
    found = (metadata.labels or {}).get(f"{POD_SECURITY}/enforce")
    # What builds nothing is admitted by `baseline` too; pull-request code is held to that, and needs no less.
    right = ("baseline", "restricted") if role == "delivery" and level == "restricted" else (level,)
    if found not in right:
        raise pulumi.RunError(
            f"the {role} namespace {name} has {f'`{found}`' if found else 'no level'} as its label {POD_SECURITY}/enforce, "
            f"and it takes {' or '.join(f'`{each}`' for each in right)}: have whoever owns it set "
            f"`kubectl label namespace {name} --overwrite {POD_SECURITY}/enforce={level}`"
        )
    return name


class Environment(pulumi.ComponentResource):
    """Namespaces with Pod Security levels, quotas and defaults for containers that name no limits; and what steps run."""

    workload_namespace: pulumi.Output[str]
    delivery_namespace: pulumi.Output[str]

    def __init__(self, name: str, args: EnvironmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("Environment"), name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        common = labels(environment=args.name)

        def namespace(role: str, kubernetes_name: str, level: str, max_pods: int) -> pulumi.Output[str]:
            """Declare one namespace with its quota, or read it. Returns its name, known once it exists."""
            if role in args.existing:
                there = k8s.core.v1.Namespace.get(f"{name}-{role}", kubernetes_name, opts=child)
                fit: pulumi.Output[str] = there.metadata.apply(lambda meta: _fit(kubernetes_name, meta, role, level))
                return fit
            levels = {f"{POD_SECURITY}/enforce": level} | {
                f"{POD_SECURITY}/{mode}": "restricted" for mode in ("audit", "warn")
            }
            created = k8s.core.v1.Namespace(
                f"{name}-{role}", metadata={"name": kubernetes_name, "labels": common | levels}, opts=child
            )
            namespace_name: pulumi.Output[str] = created.metadata.apply(lambda metadata: str(metadata.name))
            k8s.core.v1.ResourceQuota(
                f"{name}-{role}-quota",
                metadata={"name": "pods", "namespace": namespace_name, "labels": common},
                spec={"hard": {"pods": str(max_pods)}},
                opts=child,
            )
            k8s.core.v1.LimitRange(
                f"{name}-{role}-limits",
                metadata={"name": "containers", "namespace": namespace_name, "labels": common},
                spec={
                    "limits": [
                        {
                            "type": "Container",
                            "default": {"memory": "512Mi"},
                            "defaultRequest": {"cpu": "10m", "memory": "32Mi"},
                        }
                    ]
                },
                opts=child,
            )
            return namespace_name

        self.workload_namespace = namespace("workload", args.workload_namespace or args.name, "restricted", args.max_pods)
        self.delivery_namespace = namespace(
            "delivery",
            args.delivery_namespace,
            "baseline" if args.builds_images else "restricted",
            args.max_delivery_pods or args.max_pods,
        )
        # Who has stolen the listener's token starts no more than these. The pruner makes room.
        k8s.core.v1.ResourceQuota(
            f"{name}-runs-quota",
            metadata={"name": RUNS_QUOTA, "namespace": self.delivery_namespace, "labels": common},
            spec={"hard": {RUNS_COUNTED: str(args.max_runs)}},
            opts=child,
        )
        # What steps in Python run. Another version is another object, and the former goes when no Task names it any more.
        k8s.core.v1.ConfigMap(
            f"{name}-{sources.VOLUME}",
            metadata={"name": sources.config_map(), "namespace": self.delivery_namespace, "labels": common},
            data=sources.data(),
            immutable=True,
            opts=child,
        )
        # The switch: its data belongs to people (`python -m operate freeze`), its annotation to the settings.
        k8s.core.v1.ConfigMap(
            f"{name}-freeze",
            metadata={
                "name": FREEZE,
                "namespace": self.workload_namespace,
                "labels": common,
                "annotations": {key("frozen"): args.frozen} if args.frozen else {},
            },
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["data"]),
        )
        self.register_outputs({"workloadNamespace": self.workload_namespace, "deliveryNamespace": self.delivery_namespace})
