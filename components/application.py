"""An application in an environment: its Deployments, Service and Secret, how many pods it has, and its host name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from components import before_rollout, pod
from components.access import service_account
from components.conventions import (
    BEFORE_ROLLOUT,
    DELIVERY_NAMESPACE,
    FOLLOWS,
    Manifest,
    key,
    labels,
    lease_seconds,
    seconds,
    token,
)
from components.exposure import expose
from components.lease import lease
from components.patch import patched
from components.settings.application import STEADY_SECONDS, Container
from components.settings.before_rollout import BeforeRollout, longest
from components.settings.environment import Autoscaling
from components.settings.exposure import Exposure
from components.settings.pod_template import PodTemplate
from components.settings.volumes import EnvFrom, ValueFrom

SERVICE_PORT = 80
STRATEGIES = {
    # The old version serves until the new one is ready.
    "RollingUpdate": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
    "Recreate": {"type": "Recreate"},
}
SECRETS_VERSION = key("secrets-version")


def service_url(name: str, namespace: str, port: int = SERVICE_PORT) -> str:
    """Return where a Service, an application's by its name, answers inside the cluster."""
    return f"http://{name}.{namespace}.svc:{port}"


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
    container: Container
    scale: int | Autoscaling = 1
    """A number of pods, or between which numbers the load decides."""
    env: Mapping[str, str | ValueFrom] = field(default_factory=dict)
    """Variables of this environment, before those of the container."""
    env_from: Sequence[EnvFrom] = ()
    """Objects of this environment whose keys are variables, before those of the container."""
    secret_env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Environment variables from a Secret; the values are secret."""
    secret_files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Files in /run/secrets from the same Secret."""
    pod_template: PodTemplate = field(default_factory=PodTemplate)
    """What this environment adds to the pods, after what the container's own says."""
    quotes_logs: bool = False
    """Whether deliveries may quote what a container printed that ended with an error."""
    shared: bool = False
    """Whether pods of somebody else may be in the namespace, perhaps with this application's name as their label."""
    delivery_namespace: str | None = None
    """Where its runs are, if that is not `<environment>-ci`."""
    pull_secret: str | None = None
    node_port: int | None = None
    """Exposes the Service on this port of every node; None for a Service inside the cluster."""
    host: str | None = None
    """The host name that `exposure` leads here; None for none."""
    follows: str | None = None
    """The application whose image, account and Secret these pods have; None for its own."""
    followers: "Mapping[str, ApplicationArgs]" = field(default_factory=dict)
    """Further workloads of its image, by what the application calls them."""
    exposure: Exposure | None = None
    rollout_timeout: str = "5m"
    before_rollout: BeforeRollout | None = None
    """What has to succeed before each rollout."""

    @property
    def lease_seconds(self) -> int:
        """How long a deploy holds the Lease at most."""
        return lease_seconds(
            seconds(self.rollout_timeout), longest(self.before_rollout) + self.container.smoke_check_seconds
        )

    @property
    def owner(self) -> str:
        """The application."""
        return self.follows or self.application

    @property
    def labels(self) -> dict[str, str]:
        """Of what belongs to the workload."""
        common = labels(environment=self.environment, application=self.application)
        return common | ({FOLLOWS: self.follows} if self.follows else {})

    @property
    def metadata(self) -> dict[str, pulumi.Input[object]]:
        """Of the objects that are called as the workload is."""
        return {"name": self.application, "namespace": self.namespace, "labels": self.labels}

    @property
    def patches(self) -> list[PodTemplate]:
        """Of its pods, in their order."""
        return [self.container.pod_template, self.pod_template]

    @property
    def several(self) -> bool:
        """Whether it ever has more than one pod."""
        return (self.scale.max if isinstance(self.scale, Autoscaling) else self.scale) > 1


class Application(pulumi.ComponentResource):
    """Deployments whose image belongs to the pipeline, the Lease that its deploys hold, and a Service in front of each.

    The application's own leads; further ones have its image, its account and its Secret.

    Pulumi owns everything of the Deployment but the image: the path is ignored, the stack refreshes before each update
    (`options.refresh` in Pulumi.yaml), and the pipeline writes under a field manager of its own. With all three, an
    update of another field keeps the running image; without the refresh it ends in a conflict, never in a rollback.
    """

    def __init__(self, name: str, args: ApplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("Application"), name, None, opts)
        metadata = args.metadata
        child = pulumi.ResourceOptions(parent=self)
        service_account(f"{name}-account", metadata, args.pull_secret, child)
        notes = self._secret(name, args, metadata)
        self._workload(name, args, notes)
        own = metadata | {"name": deployment_name(args.application)}
        lease(f"{name}-lease", own, longest=args.lease_seconds, parent=self)
        for key_of, follower in args.followers.items():
            self._workload(f"{name}-{key_of}", follower, notes)
        if args.host and args.exposure:
            expose(f"{name}-exposure", args.host, args.exposure, metadata, SERVICE_PORT, child)
        self.register_outputs({})

    def _workload(self, name: str, args: ApplicationArgs, notes: dict[str, object]) -> None:
        """Declare a Deployment, how many pods it has, and a Service where it has a port."""
        metadata = args.metadata
        # People who roll back find the runs by it; no deploy changes a label.
        runs = {DELIVERY_NAMESPACE: args.delivery_namespace} if args.delivery_namespace else {}
        of_deployment = metadata | {"name": deployment_name(args.application), "labels": args.labels | runs}
        rollout_seconds = seconds(args.rollout_timeout)
        selector = {"app.kubernetes.io/name": args.application}
        if args.shared:
            selector[key("environment")] = args.environment
        scaled = args.scale if isinstance(args.scale, Autoscaling) else None
        child = pulumi.ResourceOptions(parent=self)
        before = before_template(args)
        if before:
            before_rollout.declare(name, args.application, args.namespace, before, args.labels, child)
        deployment = k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=of_deployment | ({"annotations": {BEFORE_ROLLOUT: args.application}} if before else {}),
            spec={
                "replicas": scaled.min if scaled else args.scale,
                "progressDeadlineSeconds": rollout_seconds,
                **({} if args.container.ports else {"minReadySeconds": STEADY_SECONDS}),
                "revisionHistoryLimit": 5,
                "selector": {"matchLabels": selector},
                "strategy": STRATEGIES[args.container.strategy],
                "template": template(args, notes),
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                # Where the load decides, the number is the autoscaler's. It stays declared: what nobody declares any more
                # is 1, until the autoscaler has seen that.
                ignore_changes=["spec.template.spec.containers[0].image", *(["spec.replicas"] if scaled else [])],
                # A Deployment that does not get ready ends `pulumi up` soon after its rollout has been given up.
                custom_timeouts=pulumi.CustomTimeouts(create=f"{rollout_seconds + 30}s", update=f"{rollout_seconds + 30}s"),
            ),
        )
        if args.container.port:
            self._service(name, args, metadata, selector)
        if args.several:
            k8s.policy.v1.PodDisruptionBudget(
                f"{name}-budget",
                metadata=metadata,
                # A pod that does not get ready keeps no node from being drained.
                spec={
                    "maxUnavailable": 1,
                    "selector": {"matchLabels": selector},
                    "unhealthyPodEvictionPolicy": "AlwaysAllow",
                },
                opts=child,
            )
        if scaled:
            deployment.spec.apply(lambda live: _awake(of_deployment["name"], live.replicas))
            target = {"type": "Utilization", "averageUtilization": scaled.cpu}
            k8s.autoscaling.v2.HorizontalPodAutoscaler(
                f"{name}-autoscaler",
                metadata=metadata,
                spec={
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": of_deployment["name"]},
                    "minReplicas": scaled.min,
                    "maxReplicas": scaled.max,
                    "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
                },
                opts=child,
            )

    def _service(
        self, name: str, args: ApplicationArgs, metadata: Mapping[str, pulumi.Input[object]], selector: Mapping[str, str]
    ) -> None:
        # One without pods never gets ready.
        unawaited = {"annotations": {"pulumi.com/skipAwait": "true"}} if args.scale == 0 else {}
        k8s.core.v1.Service(
            f"{name}-service",
            metadata={**metadata, **unawaited},
            spec={
                "type": "NodePort" if args.node_port else "ClusterIP",
                "selector": selector,
                "ports": [
                    {"name": "http", "port": SERVICE_PORT, "targetPort": "http"}
                    | ({"nodePort": args.node_port} if args.node_port else {})
                ],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _secret(self, name: str, args: ApplicationArgs, metadata: Mapping[str, pulumi.Input[object]]) -> dict[str, object]:
        """Declare the Secret, if there is anything for it. Returns what makes a changed one roll the pods.

        That is the version that the API server gave it, and not a hash, which would let readers try values. A preview knows
        the former version only: it shows the Secret's change and not that of the pods.
        """
        data = {**args.secret_env, **args.secret_files}
        if not data:
            return {}
        secret = k8s.core.v1.Secret(
            f"{name}-secret", metadata=metadata, string_data=data, opts=pulumi.ResourceOptions(parent=self)
        )
        version = secret.metadata.apply(lambda live: live.resource_version or "")
        return {"annotations": {SECRETS_VERSION: version}}


def template(args: ApplicationArgs, notes: Mapping[str, object] | None = None) -> Manifest:
    """Return the template of the pods, with more metadata than labels."""
    metadata = {"labels": args.labels, **(notes or {})}
    return patched({"metadata": metadata, "spec": pod.spec(_pod(args))}, args.patches)


def before_template(args: ApplicationArgs) -> Manifest | None:
    """Return the template of the pod of what runs before rollouts, if anything does."""
    if args.before_rollout is None:
        return None
    return before_rollout.template(_pod(args), args.environment, args.before_rollout, args.patches)


def _awake(deployment: object, replicas: int | None) -> None:
    """Warn of a Deployment that was scaled to nothing: an autoscaler takes that for its being switched off."""
    if replicas == 0:
        pulumi.log.warn(
            f"{deployment} has no pods, and its autoscaler leaves it so: `kubectl scale` it to 1, or set `replicas: 1` once"
        )


def _pod(args: ApplicationArgs) -> pod.PodArgs:
    return pod.PodArgs(
        application=args.application,
        account=args.owner,
        image=args.placeholder_image,
        container=args.container,
        env=args.env,
        env_from=args.env_from,
        secret=args.owner if args.secret_env or args.secret_files else None,
        secret_env=tuple(args.secret_env),
        secret_files=tuple(args.secret_files),
        spread=args.several,
        quotes_logs=args.quotes_logs,
    )
