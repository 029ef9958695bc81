"""The listener: its pod, what it hangs on, its rights, and what it started last."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from components.conventions import Manifest
from offline.needs.values import Needs
from operate.doctor import objects, tekton
from operate.doctor.api import Api, RefusedError, Review
from operate.doctor.deployment import available
from operate.doctor.rights import rules
from operate.doctor.rows import Row, fine, unknown, wrong

_EVENT_ID = "triggers.tekton.dev/triggers-eventid"
# What it reads, and what the runs that it makes are made of.
_PARTS = (
    "EventListener", "Trigger", "TriggerBinding", "TriggerTemplate", "Pipeline", "Task", "ServiceAccount",
)  # fmt: skip
_TOLD = 3
_AT_ONCE = 8


def rows(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield whether the listener can start runs."""
    there = needs.listener
    try:
        found = objects.missing(needs.of_kind(*_PARTS), api)
    except RefusedError as error:
        found = objects.Missing(0, (), (str(error),))
    new = found.all > 0 and len(found.gone) == found.all
    yield listener(needs, api, new=new)
    if new:
        return
    what = f"what the listener {there.name} and its runs are made of is there"
    if found.gone:
        yield wrong(what, found.said, objects.mend(needs))
    elif found.untold:
        yield unknown(what, found.untold[0])
    else:
        yield fine(what, f"all {found.all} objects")
    yield may(needs, api)
    # The area `tekton` tells the others.
    yield from (row for row in tekton.services(needs, api) if row.state == "wrong")


def listener(needs: Needs, api: Api, *, new: bool) -> Row:
    """Return whether the EventListener's pod runs. `new` is whether nothing of it is there, as before `pulumi up`."""
    there = needs.listener
    what = f"the listener {there.namespace}/el-{there.name} runs"
    absent = unknown(what, "it is not there yet", f"pulumi up --stack {needs.stack}")
    if not new:
        absent = wrong(what, "its Deployment is not there", objects.mend(needs))
    mend = f"kubectl describe eventlistener {there.name} --namespace {there.namespace}"
    return available(api, there.namespace, f"el-{there.name}", what, absent, mend)


def may(needs: Needs, api: Api) -> Row:
    """Return whether the listener's account has the rights of the roles that the stack binds to it."""
    account = _account(needs)
    what = f"the account {needs.listener.namespace}/{account} may read its triggers and start runs"
    bindings = [each for each in needs.of_kind("RoleBinding", "ClusterRoleBinding") if _is_bound(needs, each, account)]
    roles = [role for each in bindings for role in needs.of_kind(each["roleRef"]["kind"]) if _is_of(each, role)]
    wanted = list(dict.fromkeys(review for role in roles for review in rules(role)))
    service = f"system:serviceaccount:{needs.listener.namespace}:{account}"
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            granted = list(pool.map(lambda review: api.may_other(review, service), wanted))
    except RefusedError as error:
        return _by_bindings(needs, api, what, [*roles, *bindings], error)
    if denied := [review for review, has in zip(wanted, granted, strict=True) if not has]:
        return wrong(what, _told(denied), objects.mend(needs))
    return fine(what, f"all {len(wanted)} rights of its roles")


def _by_bindings(needs: Needs, api: Api, what: str, bound: Sequence[Manifest], why: RefusedError) -> Row:
    """Return the same, where nobody else's rights may be asked for, by whether its roles and their bindings are there."""
    try:
        found = objects.missing(bound, api)
    except RefusedError as error:
        return unknown(what, str(error))
    if found.gone:
        return wrong(what, found.said, objects.mend(needs))
    return unknown(what, f"its roles and bindings are there, and not what they grant: {why}")


def _told(denied: Sequence[Review]) -> str:
    more = f" and {len(denied) - _TOLD} more" if len(denied) > _TOLD else ""
    return f"it may not {'; '.join(map(str, denied[:_TOLD]))}{more}"


def _account(needs: Needs) -> str:
    (made,) = needs.of_kind("EventListener")
    return str(made["spec"]["serviceAccountName"])


def _is_bound(needs: Needs, binding: Manifest, account: str) -> bool:
    who = {"kind": "ServiceAccount", "name": account, "namespace": needs.listener.namespace}
    return any(who.items() <= subject.items() for subject in binding["subjects"])


def _is_of(binding: Manifest, role: Manifest) -> bool:
    where = None if role["kind"] == "ClusterRole" else binding["metadata"].get("namespace")
    return bool(role["metadata"]["name"] == binding["roleRef"]["name"] and role["metadata"].get("namespace") == where)


def heard(needs: Needs, api: Api, own: Sequence[Row] = (), others: Sequence[Row] = ()) -> Row:
    """Say when the listener last started a run, which takes a signature that is right.

    That was then: where what was found of the listener (`own`) is wrong, none can start now, and where something else is
    wrong on the way to it (`others`), nobody knows.
    """
    there = needs.listener
    what = "signed webhooks start runs"
    namespaces = sorted({each["metadata"]["namespace"] for each in needs.of_kind("Pipeline")})
    started: list[tuple[str, str]] = []
    for namespace in namespaces:
        try:
            items = api.get(f"/apis/tekton.dev/v1/namespaces/{namespace}/pipelineruns", labelSelector=_EVENT_ID)["items"]
        except RefusedError as error:
            return unknown(what, str(error))
        for item in items:
            if item["metadata"]["labels"].get("triggers.tekton.dev/eventlistener") == there.name:
                started.append((item["metadata"]["creationTimestamp"], item["metadata"]["name"]))
    at, name = max(started, default=("", ""))
    last = f"the last one started {name} at {at}{_ago(at)}" if started else "no run is there that a webhook started"
    if broken := [row for row in own if row.state == "wrong"]:
        return wrong(what, f"none can now ({broken[0].what}: {broken[0].said}); {last}", broken[0].mend)
    if doubtful := [row for row in others if row.state == "wrong"]:
        return unknown(what, f"{last}, and by now: {doubtful[0].what}: {doubtful[0].said}", doubtful[0].mend)
    return fine(what, last) if started else unknown(what, last, "open a pull request")


def _ago(at: str) -> str:
    try:
        minutes = int((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds() // 60)
    except (ValueError, TypeError):
        return ""
    hours = minutes // 60
    return f", {f'{hours // 24} days' if hours > 48 else f'{hours} h' if hours > 1 else f'{minutes} min'} ago"
