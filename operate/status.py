"""What runs where, on any cluster: a line for each application and environment, and the runs that have not ended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from kubernetes import client
from pydantic.alias_generators import to_camel

from components.conventions import Manifest, plain
from operate.cluster import FORBIDDEN, Cluster
from operate.errors import OperateError
from operate.records import Hold, hold
from operate.target import Target, among, frozen
from steps import notes
from steps.workloads import UnfitError, Workload

# Of a digest, with `sha256:`, and of a commit.
_DIGEST, _COMMIT = 19, 12


@dataclass(frozen=True, kw_only=True)
class Row:
    """An application in an environment."""

    environment: str
    application: str
    ready: str
    """Of its leading workload's pods, e.g. `2/2`."""
    commit: str = ""
    digest: str = ""
    since: str = ""
    pull_request: str = ""
    by: str = ""
    """Who merged it, where that is noted."""
    state: str = ""
    """What keeps it from what was delivered last, or from what comes next."""


@dataclass(frozen=True, kw_only=True)
class Going:
    """A run that has not ended."""

    environment: str
    run: str
    since: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """All of it."""

    applications: list[Row]
    runs: list[Going]
    room: dict[str, tuple[int, int] | None]
    """By environment, how many runs there are and may be; None where nobody counts."""

    def data(self) -> Manifest:
        """Return it as JSON values."""
        return {
            "applications": [_camel(row) for row in self.applications],
            "runs": [_camel(run) for run in self.runs],
            "room": self.room,
        }


def _camel(row: Row | Going) -> Manifest:
    return {to_camel(name): value for name, value in asdict(row).items()}


def read(cluster: Cluster, environments: Sequence[str]) -> Status:
    """Return what these environments run, or all. Raises OperateError where that cannot be seen."""
    if not environments:
        try:
            environments = cluster.environments()
        except client.ApiException as error:
            if error.status != FORBIDDEN:
                raise
            raise OperateError("you may not look at all namespaces: name environments, `status staging`") from None
    rows = [row for environment in environments for row in _rows(cluster, environment)]
    going = [run for environment in environments for run in _going(cluster, environment)]
    return Status(applications=rows, runs=going, room={name: cluster.quota(name) for name in environments})


def of(target: Target) -> Row:
    """Return one application's part of it."""
    return _row(target, {}, _still(target.cluster, target.environment))


def _rows(cluster: Cluster, environment: str) -> Iterator[Row]:
    there = {item["metadata"]["name"]: item for item in cluster.deployments(environment)}
    known = among(cluster, environment, there.values())  # a wrong name ends here: it has no switch either
    still = _still(cluster, environment)
    for target in known:
        yield _row(target, there, still)


def _still(cluster: Cluster, environment: str) -> str:
    settings, freeze = frozen(cluster, environment)
    return f"frozen by its settings: {settings}" if settings else f"frozen {freeze}" if freeze else ""


def _row(target: Target, there: Mapping[str, Manifest], still: str) -> Row:
    """Return what a target's workloads say. `there` are Deployments of this program's by name, which are not read again."""
    leads, known = target.leads, {"environment": target.environment, "application": target.application}

    def read(workload: Workload) -> Manifest:
        found = None if workload.existing else there.get(workload.name)
        return target.cluster.workload(workload) if found is None else found

    try:
        live, others = read(leads), [(each, read(each)) for each in target.others]
    except client.ApiException as error:
        return Row(**known, ready="-", state=plain(f"{leads} cannot be read: {error.reason}"))
    wanted = live["spec"].get("replicas", 1)
    known["ready"] = f"{(live.get('status') or {}).get('readyReplicas', 0)}/{wanted}"
    try:
        image = leads.image(live)
        apart = [each.name for each, item in others if each.image(item) != image]
    except UnfitError as error:
        return Row(**known, state=plain(str(error)))
    noted = {name: plain(notes.note(live, name) or "") for name in ("commit", "digest", "delivered-at", "pull-request")}
    digest, states = image.partition("@")[2], [still] if still else []
    held = _held(live)
    rolling = notes.rolling(live, leads)
    if held:
        states.append(f"held {held}")
    waiting = [name.removeprefix(notes.AWAITS) for name in sorted(notes.all_of(live)) if name.startswith(notes.AWAITS)]
    states += [f"waits for approval: #{number}" for number in waiting]
    if apart:
        states.append(f"NOT WITH IT: {', '.join(apart)}")
    delivered = bool(noted["commit"]) and noted["digest"] == digest
    if rolling:
        states.append(f"is being rolled out by {rolling.get('run')}")
    elif not noted["commit"]:
        states.append("nothing delivered yet")
    elif not delivered:
        states.append("not what was delivered")
    state = plain("; ".join(states))
    if not delivered:
        return Row(**known, digest=plain(digest[:_DIGEST]) if noted["commit"] or rolling else "", state=state)
    return Row(
        **known,
        commit=noted["commit"][:_COMMIT],
        digest=plain(digest[:_DIGEST]),
        since=noted["delivered-at"],
        pull_request=f"#{noted['pull-request']}" if noted["pull-request"] else "",
        by=plain(notes.note(live, "merged-by") or ""),
        state=state,
    )


def _held(live: Manifest) -> Hold | str | None:
    try:
        return hold(live)
    except ValueError:
        return "by something that cannot be read"


def _going(cluster: Cluster, environment: str) -> Iterator[Going]:
    for run in cluster.run_states(environment):
        if not run["ended"]:
            yield Going(
                environment=environment, run=plain(run["name"]), since=plain(run["since"]), state=plain(run["state"])
            )


# Columns of the table, and in which order they go where there is no room for them.
_TITLES = ("environment", "application", "ready", "commit", "digest", "since", "pull request", "by", "state")
_LESS = ("digest", "since", "by", "commit", "ready")


def lines(status: Status, width: int | None) -> Iterator[str]:
    """Yield it as text of that many columns; None for as many as it takes."""
    rows = [dict(zip(_TITLES, asdict(row).values(), strict=True)) for row in status.applications]
    yield from _table(rows, _TITLES, _LESS, width)
    yield ""
    if status.runs:
        yield "Runs in flight"
        going = [asdict(run) for run in status.runs]
        yield from _table(going, ("environment", "run", "since", "state"), ("since",), width)
    else:
        yield "No runs in flight."
    for environment, counted in status.room.items():
        if counted is None:
            yield f"{environment}: runs are not counted yet; until then none starts"
            continue
        full = "; NO ROOM: webhooks start nothing, see docs/operating.md" if counted[0] >= counted[1] else ""
        yield f"{environment}: {counted[0]} of {counted[1]} runs{full}"


def _table(rows: Sequence[dict[str, str]], titles: Sequence[str], less: Sequence[str], width: int | None) -> Iterator[str]:
    shown = [title for title in titles if title in titles[:2] or any(row[title] for row in rows)]
    wide = {title: max(len(title), *(len(row[title]) for row in rows)) for title in shown} if rows else {}
    dropped = iter(less)
    # The last column takes what is left, of which a word is needed at least.
    while width is not None and sum(wide[title] + 2 for title in shown[:-1]) + 20 > width:
        gone = next(dropped, None)
        if gone is None:
            break
        shown = [title for title in shown if title != gone]
    for row in [dict(zip(titles, titles, strict=True)), *rows]:
        text = "  ".join(row[title].ljust(wide.get(title, 0)) for title in shown).rstrip()
        yield text if width is None or len(text) <= width else f"{text[: width - 1]}…"
