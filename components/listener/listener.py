"""The stack's EventListener: who may start which run, and with what.

An event passes the forge's signature first, once for all triggers, then what all triggers share (repository, base
branch, sha's form, no fork), then its trigger's own filter. What it starts is in `events`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from components import cel
from components.conventions import TRIGGERS, Manifest, key, labels, token
from components.exposure import BODY_LIMITS, expose
from components.listener import payload
from components.listener.events import EVENTS, Event, Trigger, binding, named, template
from components.listener.webhook_secret import Accepted, WebhookSecrets, accepted_secrets
from components.network import LISTENER_PORT
from components.settings.exposure import ListenerExposure
from components.settings.listener import WebhookSecret

# By which an EventListener finds its Triggers; renamed, it would lose events while a stack is updated.
WEBHOOK_LABEL = key("hears")


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
    enterprise_host: str | None = None
    """The host of a GitHub Enterprise Server, e.g. `git.example.com`; None for github.com and Gitea."""
    applications: Mapping[str, Sequence[str]]
    """Repository (owner/name) to the names of its applications."""
    base_branches: Mapping[str, str]
    """Repository (owner/name) to the branch that pull requests must target."""
    repository_ids: Mapping[str, int] = field(default_factory=dict)
    """Repository (owner/name) to the forge's number, for those that must have a certain one."""
    triggers: tuple[Trigger, ...]
    rotation: WebhookSecret = field(default_factory=WebhookSecret)
    """Which webhook secrets count."""
    exposure: ListenerExposure | None = None
    """How the forge reaches it; None where the forge is inside the cluster, or something else leads to its Service."""


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

        secrets = WebhookSecrets(name, args.rotation, args.namespace, common, child)

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

        routes: list[pulumi.Resource] = []
        for trigger, event in named(args.triggers):
            parts: list[pulumi.Resource] = [
                declare("TriggerBinding", event.binding, binding(trigger, event), {}, []),
                declare("TriggerTemplate", event.template, template(trigger, event), {}, []),
            ]
            selected = group_labels(args, event.webhook)
            for number in range(max(map(len, args.applications.values()))):
                route = event.trigger + (f"-{number + 1}" if number else "") + event.suffix
                routes.append(declare("Trigger", route, trigger_spec(trigger, event, args, number), selected, parts))
        needed = [*secrets.declared, *routes, *after]
        listener = declare("EventListener", args.name, listener_spec(args), {}, needed)
        if args.exposure:
            # Triggers makes the Service of this name.
            metadata = {"name": f"el-{args.name}", "namespace": args.namespace, "labels": common}
            follows = pulumi.ResourceOptions(parent=self, depends_on=[listener])
            expose(f"{name}-exposure", args.exposure.host, _for_webhooks(args.exposure), metadata, LISTENER_PORT, follows)
        self.webhook_secret = secrets.current
        self.register_outputs({"webhookSecret": self.webhook_secret})


def _for_webhooks(exposure: ListenerExposure) -> ListenerExposure:
    """Return an exposure that lets through what forges send."""
    ingress = exposure.ingress
    if ingress is None:
        return exposure
    annotations = {**BODY_LIMITS.get(ingress.class_name, {}), **ingress.annotations}
    return exposure.model_copy(update={"ingress": ingress.model_copy(update={"annotations": annotations})})


def interceptor(name: str, ref: str, **params: object) -> Manifest:
    """Return one of Tekton's own interceptors; `name` says in plain words what passes."""
    return {
        "name": name,
        "ref": {"name": ref, "kind": "ClusterInterceptor"},
        "params": [{"name": param, "value": value} for param, value in params.items()],
    }


def listener_spec(args: ListenerArgs) -> Manifest:
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
            group(args, webhook, accepted)
            for webhook in sorted({EVENTS[trigger.event].webhook for trigger in args.triggers})
            for accepted in accepted_secrets(args.rotation)
        ],
    }


def group_labels(args: ListenerArgs, webhook: str) -> dict[str, str]:
    """Return the labels of the triggers of one of the forge's webhooks."""
    return {key("listener"): args.name, WEBHOOK_LABEL: webhook}


def group(args: ListenerArgs, webhook: str, accepted: Accepted) -> Manifest:
    """Return the way in for one of the forge's webhooks, signed with one secret; what all its triggers share comes first."""
    passes, known = {
        "pull_request": (
            "a pull request of a known repository to its base branch, not from a fork",
            payload.known_pull_request(args.forge, args.base_branches),
        ),
        "push": ("a push to a known repository", payload.known_push(args.base_branches)),
        "issue_comment": (
            "a comment on a pull request of a known repository",
            payload.known_comment(args.forge, args.base_branches),
        ),
    }[webhook]
    return {
        "name": f"{webhook.replace('_', '-')}-{accepted.name}",
        "interceptors": [
            interceptor(
                "signed by the forge",
                "github",
                secretRef={"secretName": accepted.secret, "secretKey": "secret"},
                eventTypes=[webhook],
            ),
            interceptor(
                passes,
                "cel",
                filter=cel.every([payload.sent_from(args.enterprise_host), known, *payload.pinned(args.repository_ids)]),
            ),
        ],
        "triggerSelector": {"labelSelector": {"matchLabels": group_labels(args, webhook)}},
    }


def trigger_spec(trigger: Trigger, event: Event, args: ListenerArgs, number: int) -> Manifest:
    """Return a Trigger's spec: its own filter, and the name of the run that an event starts.

    A Trigger starts one run. Where a repository has several applications there is one Trigger for each of them: `number`
    counts the applications of a repository.
    """
    applications = {name: found[number] for name, found in args.applications.items() if len(found) > number}
    applications = payload.caseless(applications)
    condition = {
        "pull-request": payload.to_stage(args.forge, args.base_branches),
        "rejected": payload.rejected(args.forge, args.base_branches),
        "rebuild": payload.merged(args.base_branches),
        "merge": payload.merged(args.base_branches),
        "base-moved": payload.moved_base(args.base_branches),
        "ok-to-test": payload.vouched_for(),
    }[trigger.event]
    if number:
        condition = f"{cel.one_of(payload.REPOSITORY, applications)} && ({condition})"
    application = [{"key": "application", "expression": cel.lookup(applications, payload.REPOSITORY)}]
    overlays = [{"key": "run", "expression": payload.run_name(trigger.environment, trigger.event, trigger.shortened)}]
    if trigger.shortened:
        overlays.append({"key": "prefix", "expression": payload.prefix(trigger.environment, trigger.shortened)})
    if "merged-by" in event.params:
        overlays.append({"key": "mergedBy", "expression": payload.MERGED_BY})
    if event.webhook == "issue_comment":
        overlays.append({"key": "sha", "expression": payload.VOUCHED_FOR})
    return {
        "interceptors": [
            interceptor(event.condition, "cel", filter=condition, overlays=application),
            # An expression sees what an earlier interceptor said, and nothing of its own.
            interceptor("named after the application and the event", "cel", overlays=overlays),
        ],
        "bindings": [{"ref": event.binding, "kind": "TriggerBinding"}],
        "template": {"ref": event.template},
    }
