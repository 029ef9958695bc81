"""An application in an environment: its Deployment and Service."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.conventions import CONTAINER, labels, restricted, token


def deployment_name(application: str) -> str:
    """Return the name of an application's Deployment, e.g. `chespirito-pod`."""
    return f"{application}-pod"


@dataclass(frozen=True, kw_only=True)
class ApplicationArgs:
    """What an application's pods need."""

    application: str
    environment: str
    namespace: pulumi.Input[str]
    placeholder_image: str
    """Runs until the first delivery; its default command serves a page that says so."""
    port: int
    health_path: str
    replicas: int
    cpu: str
    memory: str
    pull_secret: str | None
    node_port: int | None
    """Exposes the Service on this port of every node; None for a Service inside the cluster."""
    rollout_timeout_seconds: int


class Application(pulumi.ComponentResource):
    """A Deployment whose image belongs to the pipeline, the Lease that its deploys hold, and a Service in front of it.

    Pulumi owns everything of the Deployment but the image: the path is ignored, the stack refreshes before each update
    (`options.refresh` in Pulumi.yaml), and the pipeline writes under a field manager of its own. With all three, an
    update of another field keeps the running image; without the refresh it ends in a conflict, never in a rollback.
    """

    def __init__(self, name: str, args: ApplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("Application"), name, None, opts)
        common = labels(environment=args.environment, application=args.application)
        patience = f"{args.rollout_timeout_seconds + 30}s"
        selector = {"app.kubernetes.io/name": args.application}
        k8s.core.v1.ServiceAccount(
            f"{name}-account",
            metadata={"name": args.application, "namespace": args.namespace, "labels": common},
            automount_service_account_token=False,
            image_pull_secrets=[{"name": args.pull_secret}] if args.pull_secret else [],
            opts=pulumi.ResourceOptions(parent=self),
        )
        k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata={"name": deployment_name(args.application), "namespace": args.namespace, "labels": common},
            spec={
                "replicas": args.replicas,
                "progressDeadlineSeconds": args.rollout_timeout_seconds,
                "revisionHistoryLimit": 5,
                "selector": {"matchLabels": selector},
                # The old version serves until the new one is ready.
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": {
                    "metadata": {"labels": common},
                    "spec": {
                        "serviceAccountName": args.application,
                        "automountServiceAccountToken": False,
                        "enableServiceLinks": False,
                        "terminationGracePeriodSeconds": 10,
                        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                        "containers": [
                            {
                                "name": CONTAINER,
                                "image": args.placeholder_image,
                                "env": [
                                    {"name": "PORT", "value": str(args.port)},
                                    {"name": "HEALTH_PATH", "value": args.health_path},
                                ],
                                "ports": [{"name": "http", "containerPort": args.port}],
                                "readinessProbe": {
                                    "httpGet": {"path": args.health_path, "port": "http"},
                                    "periodSeconds": 1,
                                    "failureThreshold": 3,
                                },
                                # Until the node has stopped sending requests here: a pod that is told to end is
                                # still among the Service's addresses for a moment.
                                "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
                                "resources": {
                                    "requests": {"cpu": "10m", "memory": "16Mi"},
                                    "limits": {"cpu": args.cpu, "memory": args.memory},
                                },
                                "securityContext": restricted(),
                            }
                        ],
                    },
                },
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["spec.template.spec.containers[0].image"],
                # A Deployment that does not get ready ends `pulumi up` soon after its rollout has been given up.
                custom_timeouts=pulumi.CustomTimeouts(create=patience, update=patience),
            ),
        )
        k8s.coordination.v1.Lease(
            f"{name}-lease",
            metadata={"name": deployment_name(args.application), "namespace": args.namespace, "labels": common},
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["spec"]),
        )
        k8s.core.v1.Service(
            f"{name}-service",
            metadata={"name": args.application, "namespace": args.namespace, "labels": common},
            spec={
                "type": "NodePort" if args.node_port else "ClusterIP",
                "selector": selector,
                "ports": [
                    {"name": "http", "port": 80, "targetPort": "http"}
                    | ({"nodePort": args.node_port} if args.node_port else {})
                ],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
