"""After a pull request was closed unmerged: the environment returns to what it served before it. What people hold stays."""

from collections.abc import Mapping
from dataclasses import dataclass

from steps import notes
from steps.kubernetes import Access, Kubernetes
from steps.notes import Object
from steps.rollout import Rollout, Target
from steps.text import compact


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    target: Target
    access: Access


def run(inputs: Inputs) -> None:
    """Return to what was served before, or forget the pull request where another one is served."""
    with Kubernetes(inputs.access) as api:
        _restore(Rollout(api, inputs.target), inputs.target)


def _restore(rollout: Rollout, target: Target) -> None:

    def others(live: Object) -> list[Object]:
        return [entry for entry in notes.remembered(notes.before(live)) if entry["pullRequest"] != target.pull_request]

    def rejected(live: Object) -> bool:
        return notes.note(live, "pull-request") == target.pull_request and bool(others(live))

    def noted(live: Object) -> Mapping[str, str | None]:
        before = others(live)
        if not rejected(live):
            return {notes.BEFORE: compact(before)}
        last, now = before[-1], notes.timestamp()
        return {
            notes.BEFORE: compact(before[:-1]),
            "tekton-delivery/commit": last["commit"],
            "tekton-delivery/pull-request": last["pullRequest"],
            "tekton-delivery/digest": notes.digest(last["image"]) if last["commit"] else None,
            "tekton-delivery/run": target.run,
            "tekton-delivery/delivered-at": now,
            notes.HISTORY: notes.appended(live, last | {"run": target.run, "at": now}),
        }

    with rollout.turn():
        changed = None
        while not changed:
            live = rollout.live()
            # What a killed deploy left is none that served.
            left = notes.served(live, target.leads) if notes.rolling(live, target.leads) else None
            wanted = others(live)[-1]["image"] if rejected(live) else left
            if wanted:
                rollout.respect_people(live, "")
                changed = rollout.propose(live, wanted)
            else:
                # Forgetting a pull request changes nothing that anybody is looking at.
                changed = rollout.change(live, noted(live))
        if not wanted:
            target.outcome.say("nothing to restore")
            return
        if not rollout.ready(changed):
            target.outcome.say(rollout.why)
            raise SystemExit(1)
        rollout.settle(noted)
        target.outcome.say(f"restored {wanted}")
