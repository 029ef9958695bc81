"""What happens to a pull request or to its base branch, and the run that it starts.

Values that reach a run are a commit sha, a number, a login and a name made of such; free text of a payload never does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pulumi

from components.conventions import TEKTON, Manifest, key, labels


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens, and the names of the objects that react to it."""

    condition: str
    """What passes, in plain words."""
    trigger: str
    objects: str
    """Prefix of its TriggerBinding and TriggerTemplate."""
    pipeline: str
    """Suffix of the Pipeline that it starts."""
    params: Mapping[str, str]
    """What the Pipeline gets to know of the event."""
    webhook: str = "pull_request"
    """The forge's name of the webhook that brings it."""
    suffix: str = ""
    """What its objects have in their names for an environment that is not the first one to hear of it."""

    @property
    def binding(self) -> str:
        """The TriggerBinding's name."""
        return f"{self.objects}{self.suffix}-binding"

    @property
    def template(self) -> str:
        """The TriggerTemplate's name."""
        return f"{self.objects}{self.suffix}-template"


_PULL_REQUEST = {"pull-request": "$(body.number)"}
_HEAD = _PULL_REQUEST | {"head-sha": "$(body.pull_request.head.sha)"}
_MERGE = _HEAD | {"merge-sha": "$(body.pull_request.merge_commit_sha)"}

EVENTS = {
    "pull-request": Event(
        condition="opened, reopened, updated, ready or moved here",
        trigger="pr-trigger",
        objects="github-pr-trigger",
        pipeline="pipeline",
        params=_HEAD,
    ),
    "rejected": Event(
        condition="closed unmerged or moved away",
        trigger="pr-rejected-trigger",
        objects="github-rejected-trigger",
        pipeline="rejected-pipeline",
        params=_PULL_REQUEST,
    ),
    "rebuild": Event(
        condition="closed by merging, to be rebuilt if the base branch had moved",
        trigger="main-rebuild-trigger",
        objects="github-rebuild-trigger",
        pipeline="rebuild-pipeline",
        params=_MERGE,
    ),
    "merge": Event(
        condition="closed by merging",
        trigger="push-main-trigger",
        objects="github-main-trigger",
        pipeline="pipeline",
        params=_MERGE | {"merged-by": "$(extensions.mergedBy)"},
    ),
    "base-moved": Event(
        condition="pushed to the base branch, by a merge or by hand",
        trigger="base-moved-trigger",
        objects="github-base-moved-trigger",
        pipeline="base-moved-pipeline",
        params={"before": "$(body.before)", "after": "$(body.after)"},
        webhook="push",
    ),
    "ok-to-test": Event(
        condition="vouched for by /ok-to-test",
        trigger="ok-to-test-trigger",
        objects="github-ok-to-test-trigger",
        pipeline="fork-pipeline",
        params={
            "pull-request": "$(body.issue.number)",
            "head-sha": "$(extensions.sha)",
            "commenter": "$(body.comment.user.login)",
            "comment": "$(body.comment.id)",
        },
        webhook="issue_comment",
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
    """What its PipelineRuns hold beside pipelineRef, params and timeouts."""
    shortened: Mapping[str, str] = field(default_factory=dict)
    """What names of runs begin with, by application, where its name and the environment's are too long."""
    timeouts: Manifest = field(default_factory=lambda: {"pipeline": "1h10m0s", "tasks": "1h0m0s"})
    """How long they may take."""


def named(triggers: Iterable[Trigger]) -> Iterator[tuple[Trigger, Event]]:
    """Yield each way in with its event, whose objects have names of their own."""
    heard = set()
    for trigger in triggers:
        event = EVENTS[trigger.event]
        yield trigger, replace(event, suffix=f"-{trigger.environment}") if trigger.event in heard else event
        heard.add(trigger.event)


def binding(trigger: Trigger, event: Event) -> Manifest:
    """Return a TriggerBinding's spec: all that a run gets to know of an event."""
    values = {"application": "$(extensions.application)", "run": "$(extensions.run)"} | dict(event.params)
    if trigger.shortened:
        values["prefix"] = "$(extensions.prefix)"
    return {"params": [{"name": name, "value": value} for name, value in values.items()]}


def template(trigger: Trigger, event: Event) -> Manifest:
    """Return a TriggerTemplate's spec: one PipelineRun, whose name makes a redelivery harmless."""
    application = "$(tt.params.application)"
    names = ("prefix",) if trigger.shortened else ()
    begins = "$(tt.params.prefix)" if names else f"{application}-{trigger.environment}"
    carried = {"pull-request": "pull-request", "commit": "head-sha"}
    about = {key(label): f"$(tt.params.{param})" for label, param in carried.items() if param in event.params}
    return {
        "params": [{"name": name} for name in ("application", "run", *event.params, *names)],
        "resourcetemplates": [
            {
                "apiVersion": TEKTON,
                "kind": "PipelineRun",
                "metadata": {
                    "name": "$(tt.params.run)",
                    "namespace": trigger.namespace,
                    "labels": labels(environment=trigger.environment, application=application)
                    | {"app.kubernetes.io/managed-by": "tekton-triggers"}
                    | {key("event"): trigger.event}
                    | about,
                },
                "spec": {
                    "pipelineRef": {"name": f"{begins}-{event.pipeline}"},
                    "params": [{"name": name, "value": f"$(tt.params.{name})"} for name in event.params],
                    # An admission policy holds the listener to them: without any, a run might never end.
                    "timeouts": trigger.timeouts,
                    **trigger.run,
                },
            }
        ],
    }
