"""What an application's history looks like, for people and as data."""

from components.conventions import Manifest
from operate.approvals import awaiting
from operate.queue import queued
from operate.records import Served, history, hold, running
from operate.target import Target, frozen


def data(target: Target) -> Manifest:
    """Return all that `history` tells, as JSON values."""
    live = target.deployment()
    settings, freeze = frozen(target.cluster, target.environment)
    held = hold(live)
    return {
        "environment": target.environment,
        "application": target.application,
        "running": running(target.leads, live),
        "workloads": {each.name: running(each, item) for each, item in target.followers()},
        "served": [entry.data() for entry in reversed(history(live))],
        "hold": held.data() if held else None,
        "frozen": {"reason": settings, "by": "settings"} if settings else freeze.data() if freeze else None,
        "queued": [{"run": name, "reason": reason} for name, reason in queued(target).items()],
        "runs": dict(zip(("there", "allowed"), quota, strict=True)) if (quota := _quota(target)) else None,
        "awaitsApproval": [item.data() for item in awaiting(target)],
    }


def lines(target: Target) -> list[str]:
    """Return the same as text: what serves, what holds it, what waits, and what served before, newest first."""
    live = target.deployment()
    served, now = history(live), running(target.leads, live)
    told = [f"{target} serves {now}"]
    if served and served[-1].image == now:
        told += _facts(served[-1])
    elif served:
        told.append("  which no delivery put there: the record below ends before it")
    told += [_following(each.name, running(each, item), now) for each, item in target.followers()]
    settings, freeze = frozen(target.cluster, target.environment)
    held = hold(live)
    if settings:
        told.append(f"frozen by its settings: {settings}")
    if freeze:
        told.append(f"frozen {freeze}")
    if held:
        told.append(f"held {held}")
    quota = _quota(target)
    if quota and quota[0] >= quota[1] * _NEARLY:
        told.append(
            f"{'NO ROOM' if quota[0] >= quota[1] else 'little room'} for new runs: {quota[0]} of {quota[1]} are there, and "
            "beyond that a webhook starts nothing (docs/operating.md, More runs than the quota)"
        )
    told += [f"queued {name}: {reason}" for name, reason in queued(target).items()]
    told += [f"awaits approval {item}" for item in awaiting(target)]
    told += ["", _COLUMNS.format("served since", "digest", "commit", "PR", "merged by", "run")]
    told += [_row(entry) for entry in reversed(served)]
    return told if served else [*told[:-2], "nothing is recorded to have been delivered here"]


def _following(name: str, own: str, leading: str) -> str:
    return f"with it {name}" if own == leading else f"NOT WITH IT {name}, which runs {own}"


# Of the quota.
_NEARLY = 0.9


def _quota(target: Target) -> tuple[int, int] | None:
    return target.cluster.quota(target.environment)


_COLUMNS = "{:20}  {:71}  {:12}  {:>6}  {:15}  {}"


def _row(entry: Served) -> str:
    number = f"#{entry.pull_request}" if entry.pull_request else ""
    row = _COLUMNS.format(
        entry.at or "", entry.digest, (entry.commit or "")[:12], number, entry.merged_by or "", entry.run or ""
    )
    row += f"  rolled back by {entry.rolled_back_by}: {entry.reason}" if entry.rolled_back_by else ""
    return f"{row}  UNPROVEN" if entry.unproven else row


def _facts(entry: Served) -> list[str]:
    """Return what is known of what serves now, one fact a line."""
    mark = entry.mark or {}
    facts = {
        "commit": entry.commit,
        "pull request": f"#{entry.pull_request}" if entry.pull_request else None,
        "merged": f"as {entry.merge_commit} by {entry.merged_by}" if entry.merge_commit else None,
        "approved by": ", ".join(entry.approved_by) if entry.approved_by else None,
        "since": entry.at,
        "run": entry.run,
        "rolled back by": f"{entry.rolled_back_by}: {entry.reason}" if entry.rolled_back_by else None,
        "UNPROVEN": "nothing vouched for it but who rolled it back" if entry.unproven else None,
        "mark": f"{mark.get('environment')} ran tree {mark.get('tree')} ({mark.get('run')})" if mark else None,
    }
    return [f"  {name:14}  {value}" for name, value in facts.items() if value]
