"""Waits until enough people have approved the digest that is to be rolled out, and refuses when that takes too long.

Who may approve, and that nobody does so in another one's name, is what the admission policy `approvals` decides.
"""

import time
from dataclasses import dataclass
from typing import Any

from steps import kubernetes, notes, signals
from steps.inputs import given
from steps.kubernetes import ApiError, Kubernetes
from steps.notes import Object
from steps.result import log, warn
from steps.rollout import Target
from steps.text import compact, parsed

# A watch that brings nothing is begun anew after this long: its connection may be dead, and the note may be gone.
_WATCHED = 15.0
# A cancelled pod has half a minute to take the note back.
_GRACE = 20.0
# How many merges may wait: the admission policy lets no more in.
_WAITING = 20


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Whose word a merge waits for, and what they are told."""

    approvers: str = given("APPROVERS")
    """Who they are, for people to read."""
    count: int = given("APPROVAL_COUNT")
    timeout: str = given("APPROVAL_TIMEOUT")
    seconds: int = given("APPROVAL_SECONDS")
    """The timeout in seconds."""
    namespace: str = given("APPROVALS_NAMESPACE")
    pipeline_run: str = given("PARAM_RUN")
    uid: str = given("RUN_UID")
    """The TaskRun's."""


class Waiting:
    """A merge that waits for approvals of a digest."""

    def __init__(self, api: Kubernetes, target: Target, approval: Approval, *, commit: str, merged_by: str) -> None:
        self._api, self._target, self._approval = api, target, approval
        self._commit, self._merged_by = commit, merged_by
        self._path = target.leads.path
        self._key = f"{notes.AWAITS}{target.pull_request}"
        self._approvals = kubernetes.core(approval.namespace, "configmaps")
        self._selector = f"{notes.APPROVAL}={target.deployment}"
        self._noted = False

    def wait(self, image: str) -> list[str]:
        """Return who has approved an image, or end the step with the reason why it is not rolled out."""
        try:
            try:
                names = self._wait(image.rpartition("@")[2])
            finally:
                signals.shield()
        finally:
            signals.shield()
            if self._noted:
                with self._api.within(_GRACE):
                    self._annotate({}, None)
        signals.unshield()
        return names

    def _wait(self, digest: str) -> list[str]:
        approval, deadline = self._approval, int(time.time()) + self._approval.seconds
        while True:
            names: list[str] = []
            version = None
            try:
                names, version = self._given(digest)
                if len(names) < approval.count and time.time() < deadline:
                    self._tell(digest, deadline)
            except ApiError as error:
                if not error.passing:
                    raise
                warn(str(error))
            if len(names) >= approval.count:
                log(f"approved: {digest} by {compact(names)}")
                return names
            if time.time() >= deadline:
                self._target.outcome.say(
                    f"refused: {len(names)} of {approval.count} approvals came within {approval.timeout}, "
                    f"asked for from {approval.approvers}"
                )
                raise SystemExit(1)
            self._await_another(version, min(deadline - time.time(), _WATCHED))

    def _given(self, digest: str) -> tuple[list[str], str]:
        """Return who has approved the digest, and the version of the list that says so."""
        found = self._api.get(self._approvals, labelSelector=self._selector)
        given = (item.get("data") or {} for item in found["items"])
        names = sorted({str(data.get("approver")) for data in given if data.get("digest") == digest})
        return names, found["metadata"]["resourceVersion"]

    def _await_another(self, version: str | None, seconds: float) -> None:
        """Return when an approval has come since that version of the list, or the time is over."""
        if version is None:
            time.sleep(1)
            return
        for _ in self._api.watch_list(self._approvals, version, seconds, labelSelector=self._selector):
            return

    def _tell(self, digest: str, deadline: int) -> None:
        """Note what waits on the Deployment, where `python -m operate approve` reads it. A note that went comes again."""
        approval, target, live = self._approval, self._target, self._api.get(self._path)
        there = _read(notes.all_of(live).get(self._key))
        if there.get("run") == approval.pipeline_run:
            return
        if not self._noted:
            log(f"waiting for {approval.count} of {approval.approvers} to approve {digest}")
        self._noted = True  # before it is: a TERM may come in between
        note = {
            "digest": digest,
            "commit": self._commit,
            "pullRequest": target.pull_request,
            "mergedBy": self._merged_by,
            "run": approval.pipeline_run,
            "taskRun": target.run,
            "taskRunUid": approval.uid,
            "count": approval.count,
            "until": notes.timestamp(deadline),
        }
        if not self._annotate(live, compact(note)):
            log(f"it could not be noted on {target.deployment}; trying again")

    def _annotate(self, live: Object, note: str | None) -> bool:
        """Write the note of this pull request, or take it away.

        The admission policy lets 20 of them in: where others leave no room, those that no run can have written go first,
        then those that end first. A run whose note went notes it again.
        """
        change: dict[str, str | None] = {self._key: note}
        if note is not None:
            latest = time.time() + self._approval.seconds + 60
            others = []
            for key, text in notes.all_of(live).items():
                if key != self._key and key.startswith(notes.AWAITS):
                    until = notes.seconds(_read(text).get("until"))
                    others.append((0 if until > latest else until, key))
            change |= dict.fromkeys(key for _, key in sorted(others)[: max(0, len(others) - _WAITING + 1)])
        try:
            self._api.patch(self._path, {"metadata": {"annotations": change}}, merge=True)
        except ApiError as error:
            warn(str(error))
            return False
        return True


def _read(text: str | None) -> dict[str, Any]:
    try:
        found = parsed(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
