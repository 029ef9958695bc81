"""The Tasks of an environment and one Pipeline for each of its applications."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.apiextensions import CustomResource

from components.conventions import CA_BUNDLE, TEKTON, Manifest, key, labels, token
from components.tasks import build, tests, trust
from components.tasks.step import with_volumes

# Where pull-request code begins to run, for whoever works out what it reaches (offline/reachability).
UNTRUSTED_FROM = {*build.UNTRUSTED_FROM, *tests.UNTRUSTED_FROM}


@dataclass(frozen=True, kw_only=True)
class PipelinesArgs:
    """What to declare: specs by name, made by the modules of `tasks` and `pipelines`."""

    environment: str
    namespace: pulumi.Input[str]
    tools_image: str
    """Runs every step but those that name another one; by digest."""
    tasks: Mapping[str, Manifest]
    pipelines: Mapping[str, Manifest]
    ca_bundle: str | None = None
    """Certificates that steps believe beside the system's, PEM; None where none mounts any."""


class Pipelines(pulumi.ComponentResource):
    """Tasks and Pipelines in the delivery namespace. Tekton binds them by name when a run starts."""

    def __init__(
        self,
        name: str,
        args: PipelinesArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """`after` is the environment, which has what steps run."""
        super().__init__(token("Pipelines"), name, None, opts)
        common = labels(environment=args.environment)

        def declare(kind: str, kubernetes_name: str, spec: Manifest, depends_on: list[pulumi.Resource]) -> CustomResource:
            """Declare one Tekton object."""
            metadata = {"name": kubernetes_name, "namespace": args.namespace, "labels": common}
            first = next((step["name"] for step in spec.get("steps", []) if step["name"] in UNTRUSTED_FROM), None)
            if first:
                metadata["annotations"] = {key("untrusted-from"): first}
            return CustomResource(
                f"{name}-{kubernetes_name}",
                api_version=TEKTON,
                kind=kind,
                metadata=metadata,
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self, depends_on=depends_on),
            )

        mounted = list(after)
        if args.ca_bundle:
            mounted.append(
                k8s.core.v1.ConfigMap(
                    f"{name}-{CA_BUNDLE}",
                    metadata={"name": CA_BUNDLE, "namespace": args.namespace, "labels": common},
                    data={trust.FILE: args.ca_bundle},
                    opts=pulumi.ResourceOptions(parent=self),
                )
            )
        template: Manifest = {"stepTemplate": {"image": args.tools_image, "imagePullPolicy": "IfNotPresent"}}
        tasks = [declare("Task", task, template | with_volumes(spec), mounted) for task, spec in args.tasks.items()]
        for pipeline, spec in args.pipelines.items():
            declare("Pipeline", pipeline, spec, list(tasks))
        self.register_outputs({})
