"""Going back to what an environment served before, and staying there."""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from components.conventions import HISTORY, HOLD, ROLLING_OUT, Manifest, key
from operate import patience
from operate.cluster import ConflictError
from operate.errors import OperateError
from operate.holds import NO_REASON
from operate.lease import lease
from operate.patience import done, heard
from operate.proof import proven
from operate.records import Hold, Served, appended, history, running
from operate.target import Target
from steps.notes import all_of, timestamp
from steps.readiness import waits_for
from steps.workloads import STATEFUL_SETS, Workload

POLL_SECONDS = 0.5
# What pods get once an API server that was away answers: controllers tell of them anew, as soon as one has come to lead, for
# which it takes 15 s (kube-controller-manager's --leader-elect-lease-duration).
_AFTERWARDS_SECONDS = 30.0
# What Kubernetes takes where a Deployment does not say it.
_USUAL_DEADLINE = 600
_SHORTEST = 7
_DIGEST = re.compile("sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Rollback:
    """A change of a Deployment, and the change that undoes it."""

    to: Served
    patch: Manifest
    undo: Manifest
    workload: Workload
    followers: tuple["Rollback", ...] = ()
    """The same for what follows it."""


def roll_back(
    target: Target, wanted: str | None, reason: str | None, say: Callable[[str], None], *, unproven: bool = False
) -> Served:
    """Roll out an earlier digest, wait until it serves, and hold it. What served before comes back if it does not.

    It has to be one that was vouched for, unless it is to be `unproven`: the history says so then.
    """
    by = target.cluster.whoami()
    to = chosen(target.leads, target.deployment(), wanted, unproven=unproven)
    to = to.model_copy(update={"unproven": True}) if unproven else proven(target, to, say)
    if unproven:
        say(f"UNPROVEN: nothing vouches for {to.image} but {by}")
    deadline = int(target.deployment()["spec"].get("progressDeadlineSeconds", _USUAL_DEADLINE))
    with lease(target, f"rollback by {by}", 2 * deadline + 30, say):
        while True:
            live = target.deployment()
            made = plan(target.leads, live, to, by=by, reason=reason or NO_REASON, followers=target.followers())
            try:
                done(partial(target.cluster.patch_workload, target.leads, made.patch), partial(_is_held, target, made))
                break
            except ConflictError:
                continue
        say(f"rolling out {made.to.digest}")
        try:
            for follower in made.followers:
                done(partial(target.cluster.patch_workload, follower.workload, follower.patch), lambda: False)
            ready = _served(target, deadline)
        except BaseException:  # whatever ends this program
            say(f"{made.to.digest} was not ready yet; going back")
            _undo(target, made)
            raise
        if not ready:
            say(f"{made.to.digest} does not get ready; going back")
            _undo(target, made)
            back = "restored" if _served(target, deadline) else "restoring it failed as well:"
            raise OperateError(
                f"{made.to.digest} was not ready within {deadline} s; {back} {running(target.leads, live)}, "
                "held as before or not at all"
            )
    return made.to


def chosen(workload: Workload, live: Manifest, wanted: str | None, *, unproven: bool = False) -> Served:
    """Return what to go back to: a digest or commit that was served before, or the one before what serves now.

    What is to be `unproven` need not be recorded, if it is a whole digest: of the repository that serves now.
    """
    served, now = history(live), running(workload, live)
    others = list({entry.image: entry for entry in served if entry.image != now and entry.commit}.values())
    there = "\n".join(f"  {entry.digest}  commit {entry.commit}  #{entry.pull_request}" for entry in reversed(others))
    if unproven and _DIGEST.fullmatch(wanted or "") and not any(entry.digest == wanted for entry in others):
        return Served(image=f"{now.partition('@')[0]}@{wanted}")
    if not others:
        raise OperateError("nothing else is known to have been served here before")
    if wanted is None:
        return _before(served, now)
    if len(wanted.removeprefix("sha256:")) < _SHORTEST:
        raise OperateError(f"{wanted!r} is too short: {_SHORTEST} characters of a digest or a commit are needed")
    found = [entry for entry in others if wanted in _names(entry, len(wanted))]
    if len(found) != 1:
        if not found and wanted in _names(Served(image=now, commit=all_of(live).get(key("commit"))), len(wanted)):
            raise OperateError(f"{wanted} is what serves now; before it served\n{there}")
        problem = "is more than one of" if found else "was never served here;"
        raise OperateError(f"{wanted} {problem} what was served:\n{there}")
    return found[0]


def _before(served: list[Served], now: str) -> Served:
    """Return what served before the delivery that brought what serves now. Rollbacks brought nothing new."""
    delivered = [entry for entry in served if not entry.rolled_back_by and entry.commit]
    latest = max((index for index, entry in enumerate(delivered) if entry.image == now), default=len(delivered))
    for entry in reversed(delivered[:latest]):
        if entry.image != now:
            return entry
    raise OperateError("nothing is known to have been served before this; `history` shows what was served since")


def _names(entry: Served, length: int) -> set[str]:
    """Return the beginnings by which an entry can be named."""
    full = (entry.digest, entry.digest.removeprefix("sha256:"), entry.commit or "", entry.merge_commit or "")
    return {name[:length] for name in full}


def _undo(target: Target, made: Rollback) -> None:
    """Take all back, that which leads last."""
    for each in (*made.followers, made):
        heard(partial(target.cluster.patch_workload, each.workload, each.undo))


def _is_held(target: Target, made: Rollback) -> bool:
    """Whether a Deployment was changed as it was to be."""
    return bool(all_of(target.deployment()).get(HOLD) == made.patch["metadata"]["annotations"][HOLD])


def plan(
    workload: Workload,
    live: Manifest,
    to: Served,
    *,
    by: str,
    reason: str,
    followers: Sequence[tuple[Workload, Manifest]] = (),
) -> Rollback:
    """Return the change that rolls a Deployment back to `to` and holds it there, and all that follow it."""
    now = timestamp()
    entry = to.model_copy(update={"at": now, "rolled_back_by": by, "reason": reason})
    noted = {
        key("commit"): to.commit,
        key("pull-request"): to.pull_request,
        key("digest"): to.digest,
        key("merge-commit"): to.merge_commit,
        key("merged-by"): to.merged_by,
        key("run"): to.run,
        key("delivered-at"): now,
        HISTORY: appended(live, entry),
        ROLLING_OUT: None,
        HOLD: Hold(by=by, reason=f"rolled back: {reason}", since=now).text(),
    }
    held = {HOLD: noted[HOLD]}
    version = live["metadata"]["resourceVersion"]
    return Rollback(
        workload=workload,
        to=entry,
        patch=_patch(workload, to.image, noted, version=version),
        undo=_undoing(workload, live, noted),
        followers=tuple(
            Rollback(workload=each, to=entry, patch=_patch(each, to.image, held), undo=_undoing(each, there, held))
            for each, there in followers
        ),
    )


def _undoing(workload: Workload, live: Manifest, noted: Iterable[str]) -> Manifest:
    return _patch(workload, running(workload, live), {name: all_of(live).get(name) for name in noted})


def _patch(workload: Workload, image: str, noted: dict[str, str | None], version: str | None = None) -> Manifest:
    metadata: Manifest = {"annotations": noted} | ({"resourceVersion": version} if version else {})
    return {"metadata": metadata} | workload.with_image(image)


def _served(target: Target, seconds: int) -> bool:
    """Wait until all pods of its Deployments are of the latest version and ready; for longer where nobody could look."""
    deadline = time.monotonic() + seconds
    latest = deadline + patience.SECONDS + _AFTERWARDS_SECONDS
    while True:
        asked = time.monotonic()
        if all(
            _serves(each, live) for each, live in heard(lambda: [(target.leads, target.deployment()), *target.followers()])
        ):
            return True
        now = time.monotonic()
        if now - asked >= patience.POLL_SECONDS:
            deadline = min(latest, max(deadline, now + _AFTERWARDS_SECONDS))
        if now >= deadline:
            return False
        time.sleep(POLL_SECONDS)


def _serves(workload: Workload, live: Manifest) -> bool:
    if workload.kind == STATEFUL_SETS:
        return waits_for(workload, live) is None
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration") == live["metadata"]["generation"] and counts == [wanted] * 3
