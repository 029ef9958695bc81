"""Rolls an image out by digest and waits until it serves. If it does not, the former image is restored and both are told.

After a merge, a commit never replaces one that it is an ancestor of. What people hold or froze stays.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steps import notes, smoke
from steps.before_rollout import BeforeRollout
from steps.head import Head
from steps.history import Past
from steps.kubernetes import Kubernetes
from steps.notes import Object
from steps.result import log
from steps.rollout import Rollout, Target
from steps.text import compact

# How far clocks may be apart.
_SKEW = 60


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What is rolled out, and how it came to that."""

    image: str
    """By digest."""
    commit: str
    merge_sha: str = ""
    merged_by: str = ""
    mark: Mapping[str, Any] | None = None
    """The statement that proved the image."""
    approved_by: list[str] | None = None


class Deploy:
    """A rollout of a delivery."""

    def __init__(
        self,
        api: Kubernetes,
        target: Target,
        check: smoke.Smoke,
        history: Past | None = None,
        head: Head | None = None,
    ) -> None:
        """Merges keep their order by what `history` has fetched, a pull request's commits by its `head`."""
        self._target, self._check, self._history, self._head = target, check, history, head
        self._rollout = Rollout(api, target, smoke_seconds=check.seconds)
        self._before = BeforeRollout(api, target.namespace, target.outcome)

    def run(self, delivery: Delivery) -> bool:
        """Roll it out, or end the step with the reason why not. Returns whether it serves: what runs may be newer."""
        rollout, target = self._rollout, self._target
        if self._head:
            self._head.wait()
        with rollout.turn():
            changed = None
            while not changed:
                live = rollout.live()
                if self._history and self._is_older(live, delivery.merge_sha):
                    target.outcome.say("superseded: what runs was merged later")
                    return False
                rollout.respect_people(live, target.pull_request)
                moved = self._head and self._head.moved(delivery.commit, live)
                if moved:
                    target.outcome.say(f"superseded: the head of the pull request is {moved}")
                    raise SystemExit(1)
                # What was decided may be otherwise once it has taken its time.
                if not self._before.run(live, delivery.image):
                    changed = rollout.propose(live, delivery.image)
            former = rollout.former
            if rollout.ready(changed):
                wrong = smoke.wrong(self._check)
                if wrong is None:
                    rollout.settle(lambda live: self._noted(live, delivery, former))
                    target.outcome.say(f"serves on {target.namespace}: {_digest(delivery.image)}")
                    return True
                reason = f"smoke check of {_digest(delivery.image)} got {wrong}"
            else:
                reason = rollout.why
            self._go_back(delivery.image, reason)
            raise SystemExit(1)

    def moved_on(self, merge_sha: str, reason: str) -> None:
        """End where the base branch has moved on from what the merge made: it is never rolled out.

        It may be in what runs, which is no failure.
        """
        live = self._rollout.live()
        if self._is_older(live, merge_sha):
            self._target.outcome.say("superseded: what runs was merged later")
        elif notes.sha(notes.note(live, "merge-commit")) == merge_sha:
            self._target.outcome.say("this merge is what runs")
        else:
            self._target.outcome.say(reason)
            raise SystemExit(1)

    def _go_back(self, image: str, reason: str) -> None:
        rollout, say = self._rollout, self._target.outcome.say
        if not rollout.is_ours(rollout.live()):
            say(f"{reason}; something else has been rolled out meanwhile")
            return
        restored = rollout.go_back()
        if rollout.former == image:  # there is no other image to wait for
            say(reason)
        elif restored and rollout.ready(restored):
            say(f"{reason}; restored {_digest(rollout.former)}")
        else:
            say(f"{reason}, and restoring {_digest(rollout.former)} failed as well")

    def _is_older(self, live: Object, merge_sha: str) -> bool:
        """Decide by ancestry, not by clock, whether what runs now is newer.

        What is noted to run need not be true, and the branch may have been rewritten: a commit that the branch had not
        when this run looked is no newer one, unless it came after that.
        """
        assert self._history
        running = notes.sha(notes.note(live, "merge-commit"))
        if not running or running == merge_sha:
            return False
        if self._history.commits.has("base", running):
            return self._history.commits.is_ancestor(merge_sha, running)
        at = notes.seconds(notes.note(live, "delivered-at"))
        if int(self._history.looked) - _SKEW <= at <= time.time() + _SKEW:
            self._target.outcome.say(
                f"what runs was merged as {running}, since this run looked at the branch: "
                "python -m operate retry looks again"
            )
            raise SystemExit(1)
        log(f"what runs is noted as merged as {running}, which the branch has not: nothing newer")
        return False

    def _noted(self, live: Object, delivery: Delivery, former: str) -> dict[str, str | None]:
        now, target = notes.timestamp(), self._target
        before = notes.before(live)
        if notes.note(live, "pull-request") != target.pull_request:
            was = {"commit": notes.note(live, "commit"), "pullRequest": notes.note(live, "pull-request")}
            before = [*before, {"image": former, **was}]
        merge, by = delivery.merge_sha or None, delivery.merged_by or None
        entry = {
            "image": delivery.image,
            "commit": delivery.commit,
            "pullRequest": target.pull_request,
            "mergeCommit": merge,
            "mergedBy": by,
            "run": target.run,
            "at": now,
            "mark": delivery.mark,
            "approvedBy": delivery.approved_by,
        }
        return {
            "tekton-delivery/commit": delivery.commit,
            "tekton-delivery/pull-request": target.pull_request,
            "tekton-delivery/digest": delivery.image.partition("@")[2],
            "tekton-delivery/merge-commit": merge,
            "tekton-delivery/merged-by": by,
            "tekton-delivery/run": target.run,
            "tekton-delivery/delivered-at": now,
            notes.BEFORE: compact(notes.remembered(before)),
            notes.HISTORY: notes.appended(live, entry),
        }


def _digest(image: str) -> str:
    return image.rpartition("@")[2]
