"""Who the stack's EventListener is, and its least rights."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.access import Rule, bind
from components.conventions import LISTENER, labels, token

# The minimum that the sink of Triggers 0.37 needs: informers for the trigger objects of its namespace, and creating runs.
# An informer streams by `watch` alone where the API server can (Kubernetes 1.34); before, it also has to `list`.
LISTENER_RULES: list[Rule] = [
    {
        "apiGroups": ["triggers.tekton.dev"],
        "resources": ["eventlisteners", "triggers", "triggerbindings", "triggertemplates", "interceptors"],
        "verbs": ["list", "watch"],
    }
]
RUN_CREATOR_RULES: list[Rule] = [{"apiGroups": ["tekton.dev"], "resources": ["pipelineruns"], "verbs": ["create"]}]
LISTENER_CLUSTER_RULES: list[Rule] = [
    {
        "apiGroups": ["triggers.tekton.dev"],
        "resources": ["clustertriggerbindings", "clusterinterceptors"],
        "verbs": ["list", "watch"],
    }
]


@dataclass(frozen=True, kw_only=True)
class ListenerAccessArgs:
    """Where the listener lives and where it may start runs."""

    name: str
    """The EventListener's name; part of its cluster-scoped objects' names."""
    environment: str
    namespace: pulumi.Input[str]
    run_namespaces: dict[str, pulumi.Input[str]]
    """Environment's name to its delivery namespace."""


class ListenerAccess(pulumi.ComponentResource):
    """The identity of the stack's EventListener: it reads trigger objects and creates runs, nothing else."""

    def __init__(
        self,
        name: str,
        args: ListenerAccessArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """Declare it; runs may be made after the policies that hold whoever makes them."""
        super().__init__(token("ListenerAccess"), name, None, opts)
        common = labels(environment=args.environment)
        child, rights = pulumi.ResourceOptions(parent=self), pulumi.ResourceOptions(parent=self, depends_on=after)
        k8s.core.v1.ServiceAccount(
            f"{name}-{LISTENER}",
            metadata={"name": LISTENER, "namespace": args.namespace, "labels": common},
            opts=child,
        )
        bind(name, LISTENER, args.namespace, args.namespace, LISTENER_RULES, common, rights)
        for environment, namespace in args.run_namespaces.items():
            bind(
                f"{name}-{environment}",
                "run-creator",
                namespace,
                args.namespace,
                RUN_CREATOR_RULES,
                common,
                rights,
                LISTENER,
            )
        # Cluster-scoped names carry the environment: a second stack on the same cluster must not take them over.
        cluster_name = f"{args.name}-{args.environment}"
        k8s.rbac.v1.ClusterRole(
            f"{name}-interceptors",
            metadata={"name": cluster_name, "labels": common},
            rules=LISTENER_CLUSTER_RULES,
            opts=child,
        )
        k8s.rbac.v1.ClusterRoleBinding(
            f"{name}-interceptors",
            metadata={"name": cluster_name, "labels": common},
            role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": cluster_name},
            subjects=[{"kind": "ServiceAccount", "name": LISTENER, "namespace": args.namespace}],
            opts=child,
        )
        self.register_outputs({})
