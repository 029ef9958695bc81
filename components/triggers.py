"""The stack's EventListener: who may start which run, and with what.

An event passes the forge's signature first, once for all triggers, then what all triggers share (repository, base
branch, sha's form, no fork), then its trigger's own filter. Values that reach a run are a commit sha, a number and a
name made of both; free text of a payload never does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random
from pulumi_kubernetes.apiextensions import CustomResource

from components import cel
from components.conventions import TEKTON, TRIGGERS, Manifest, key, labels, token
from components.credentials import WEBHOOK_SECRET

EVENT_TYPES = ["pull_request"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens to a pull request, and the names of the objects that react to it."""

    says: str
    """What passes, in plain words."""
    trigger: str
    objects: str
    """Prefix of its TriggerBinding and TriggerTemplate."""
    pipeline: str
    """Suffix of the Pipeline that it starts."""
    params: Mapping[str, str]
    """What the Pipeline gets to know of the event."""


_PULL_REQUEST = {"pull-request": "$(body.number)"}
_HEAD = _PULL_REQUEST | {"head-sha": "$(body.pull_request.head.sha)"}

EVENTS = {
    "pull-request": Event(
        says="opened, reopened, updated, ready or moved here",
        trigger="pr-trigger",
        objects="github-pr-trigger",
        pipeline="pipeline",
        params=_HEAD,
    ),
    "rejected": Event(
        says="closed unmerged or moved away",
        trigger="pr-rejected-trigger",
        objects="github-rejected-trigger",
        pipeline="rejected-pipeline",
        params=_PULL_REQUEST,
    ),
    "merge": Event(
        says="closed by merging",
        trigger="push-main-trigger",
        objects="github-main-trigger",
        pipeline="pipeline",
        params=_HEAD
        | {
            "merge-sha": "$(body.pull_request.merge_commit_sha)",
            "merged-by": "$(body.pull_request.merged_by.login)",
        },
    ),
}


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """One environment's way into the listener."""

    environment: str
    event: str
    """A key of EVENTS."""
    namespace: pulumi.Input[str]
    """The delivery namespace, where its runs are created."""
    run: Manifest
    """What its PipelineRuns hold beside pipelineRef and params."""


@dataclass(frozen=True, kw_only=True)
class ListenerArgs:
    """What the listener reacts to."""

    name: str
    environment: str
    """The environment in whose delivery namespace it lives."""
    namespace: pulumi.Input[str]
    service_account: str
    forge: str
    """`github` or `gitea`: they differ in what they send."""
    applications: Mapping[str, str]
    """Repository (owner/name) to the application's name."""
    base_branches: Mapping[str, str]
    """Repository (owner/name) to the branch that pull requests must target."""
    triggers: tuple[Trigger, ...]


class Listener(pulumi.ComponentResource):
    """EventListener with its webhook secret, triggers, bindings and templates. There is no way to leave the secret out."""

    webhook_secret: pulumi.Output[str]
    """To be entered in the forge's webhook; secret."""

    def __init__(
        self,
        name: str,
        args: ListenerArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """Declare the listener; it answers only once `after` is there. A child would not wait for `opts.depends_on`."""
        super().__init__(token("Listener"), name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        common = labels(environment=args.environment)

        password = random.RandomPassword(f"{name}-{WEBHOOK_SECRET}", length=40, special=False, opts=child)
        secret = k8s.core.v1.Secret(
            f"{name}-{WEBHOOK_SECRET}",
            metadata={"name": WEBHOOK_SECRET, "namespace": args.namespace, "labels": common},
            string_data={"secret": password.result},
            opts=child,
        )

        def declare(
            kind: str, kubernetes_name: str, spec: Manifest, extra: Mapping[str, str], needs: list[pulumi.Resource]
        ) -> CustomResource:
            """Declare one Triggers object in the listener's namespace."""
            return CustomResource(
                f"{name}-{kubernetes_name}" + ("" if kind != "Trigger" else "-route"),
                api_version=TRIGGERS,
                kind=kind,
                metadata={"name": kubernetes_name, "namespace": args.namespace, "labels": common | dict(extra)},
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self, depends_on=needs),
            )

        group = {key("listener"): args.name}
        routes: list[pulumi.Resource] = []
        for trigger in args.triggers:
            event = EVENTS[trigger.event]
            parts: list[pulumi.Resource] = [
                declare("TriggerBinding", f"{event.objects}-binding", binding(event), {}, []),
                declare("TriggerTemplate", f"{event.objects}-template", template(trigger, event), {}, []),
            ]
            routes.append(declare("Trigger", event.trigger, trigger_spec(trigger, event, args), group, parts))
        declare("EventListener", args.name, listener_spec(args, group), {}, [secret, *routes, *after])
        self.webhook_secret = pulumi.Output.secret(password.result)
        self.register_outputs({"webhookSecret": self.webhook_secret})


def interceptor(name: str, ref: str, **params: object) -> Manifest:
    """Return one of Tekton's own interceptors; `name` says in plain words what passes."""
    return {
        "name": name,
        "ref": {"name": ref, "kind": "ClusterInterceptor"},
        "params": [{"name": param, "value": value} for param, value in params.items()],
    }


def listener_spec(args: ListenerArgs, group: Mapping[str, str]) -> Manifest:
    """Return the EventListener's spec."""
    return {
        "serviceAccountName": args.service_account,
        "resources": {
            "kubernetesResource": {
                "replicas": 1,
                "serviceType": "ClusterIP",
                "spec": {
                    "template": {
                        "spec": {
                            "containers": [
                                {
                                    "resources": {
                                        "requests": {"cpu": "10m", "memory": "32Mi"},
                                        "limits": {"cpu": "1", "memory": "256Mi"},
                                    }
                                }
                            ]
                        }
                    }
                },
            }
        },
        "triggerGroups": [
            {
                "name": "pull-requests",
                "interceptors": [
                    interceptor(
                        "signed by the forge",
                        "github",
                        secretRef={"secretName": WEBHOOK_SECRET, "secretKey": "secret"},
                        eventTypes=EVENT_TYPES,
                    ),
                    interceptor(
                        "a pull request of a known repository to its base branch, not from a fork",
                        "cel",
                        filter=cel.known_pull_request(args.forge, args.base_branches),
                        overlays=[
                            {
                                "key": "application",
                                "expression": cel.lookup(args.applications, "body.repository.full_name"),
                            }
                        ],
                    ),
                ],
                "triggerSelector": {"labelSelector": {"matchLabels": dict(group)}},
            }
        ],
    }


def trigger_spec(trigger: Trigger, event: Event, args: ListenerArgs) -> Manifest:
    """Return a Trigger's spec: its own filter, and the name of the run that an event starts."""
    condition = {
        "pull-request": cel.to_stage(args.forge, args.base_branches),
        "rejected": cel.rejected(args.forge, args.base_branches),
        "merge": cel.merged(args.base_branches),
    }
    name = cel.run_name(trigger.environment, closed=trigger.event == "rejected")
    overlays = [{"key": "run", "expression": name}]
    return {
        "interceptors": [interceptor(event.says, "cel", filter=condition[trigger.event], overlays=overlays)],
        "bindings": [{"ref": f"{event.objects}-binding", "kind": "TriggerBinding"}],
        "template": {"ref": f"{event.objects}-template"},
    }


def binding(event: Event) -> Manifest:
    """Return a TriggerBinding's spec: all that a run gets to know of an event."""
    values = {"application": "$(extensions.application)", "run": "$(extensions.run)"} | dict(event.params)
    return {"params": [{"name": name, "value": value} for name, value in values.items()]}


def template(trigger: Trigger, event: Event) -> Manifest:
    """Return a TriggerTemplate's spec: one PipelineRun, whose name makes a redelivery harmless."""
    application = "$(tt.params.application)"
    about = {key("event"): trigger.event, key("pull-request"): "$(tt.params.pull-request)"}
    if "head-sha" in event.params:
        about[key("commit")] = "$(tt.params.head-sha)"
    return {
        "params": [{"name": name} for name in ("application", "run", *event.params)],
        "resourcetemplates": [
            {
                "apiVersion": TEKTON,
                "kind": "PipelineRun",
                "metadata": {
                    "name": "$(tt.params.run)",
                    "namespace": trigger.namespace,
                    "labels": labels(environment=trigger.environment, application=application)
                    | {"app.kubernetes.io/managed-by": "tekton-triggers"}
                    | about,
                },
                "spec": {
                    "pipelineRef": {"name": f"{application}-{trigger.environment}-{event.pipeline}"},
                    "params": [{"name": name, "value": f"$(tt.params.{name})"} for name in event.params],
                    **trigger.run,
                },
            }
        ],
    }
