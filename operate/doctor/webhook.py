"""The webhook: the listener runs and answers, the forge has a webhook that tells it, and what it told got through."""

import os
from collections.abc import Iterator
from typing import Any

from components.conventions import plain
from offline.needs.values import Forge, Needs
from operate.doctor.api import Api, NoClusterError, RefusedError
from operate.doctor.deployment import available
from operate.doctor.forge import asked
from operate.doctor.http import Http, NoAnswerError
from operate.doctor.rows import Row, fine, unknown, wrong
from operate.forge import TOKEN

_TABLE = "docs/real-clusters.md, The webhook"
_EVENT_ID = "triggers.tekton.dev/triggers-eventid"
# What each forge calls the events, by what is needed; Gitea tells of several kinds of pull requests' events.
_EVENTS = {
    "github": {"pull requests": {"pull_request", "*"}, "comments": {"issue_comment", "*"}, "pushes": {"push", "*"}},
    "gitea": {
        "pull requests": {"pull_request", "pull_request_only"},
        "comments": {"issue_comment", "pull_request_comment"},
        "pushes": {"push"},
    },
}


def rows(needs: Needs, api: Api | None, http: Http) -> Iterator[Row]:
    """Yield what there is to say of the listener and of the forge's webhooks."""
    if api:
        try:
            yield listener(needs, api)
            yield heard(needs, api)
        except NoClusterError as error:
            yield unknown("the listener", str(error))
    yield from reachable(needs, http)
    for repository in needs.forge.repositories:
        yield from webhook(needs, http, repository.name)


def listener(needs: Needs, api: Api) -> Row:
    """Return whether the EventListener's pod runs."""
    there = needs.listener
    what = f"the listener {there.namespace}/el-{there.name} runs"
    absent = unknown(what, "it is not there yet", f"pulumi up --stack {needs.stack}")
    mend = f"kubectl describe eventlistener {there.name} --namespace {there.namespace}"
    return available(api, there.namespace, f"el-{there.name}", what, absent, mend)


def heard(needs: Needs, api: Api) -> Row:
    """Say when the listener last started a run, which takes a signature that is right."""
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
    if not started:
        return unknown(what, "no run is there that a webhook started", "open a pull request")
    at, name = max(started)
    return fine(what, f"the last one started {name} at {at}")


def reachable(needs: Needs, http: Http) -> Iterator[Row]:
    """Yield whether the listener answers where the forge is told to call it, where that can be seen from here."""
    what = f"the listener answers at {needs.listener.address}"
    if not needs.listener.exposed:
        yield unknown(what, "it has no `listener.exposure`, so it cannot be asked from here")
        return
    try:
        answer = http.ask("GET", f"{needs.listener.address}/live")
    except NoAnswerError as error:
        yield wrong(what, str(error), "the name's DNS record, the ingress controller or Gateway, and its certificate")
        return
    if answer.status == 200:
        yield fine(what)
    else:
        yield wrong(
            what, f"{answer.status} at /live, so something else answers there", "`listener.exposure`, and what leads there"
        )


def webhook(needs: Needs, http: Http, repository: str) -> Iterator[Row]:
    """Yield whether a repository has a webhook that tells the listener. It takes a right that the stack's token lacks."""
    forge, what = needs.forge, f"{repository} has a webhook for this stack"
    own = os.environ.get(TOKEN)
    token = own or forge.token
    ask = f"{TOKEN} with a token that may read webhooks, or look at it in the forge ({_TABLE})"
    if not token:
        yield unknown(what, "nothing here may read webhooks", ask)
        return
    try:
        answer = asked(http, forge, "GET", f"/repos/{repository}/hooks?per_page=100&limit=50", token)
    except NoAnswerError as error:
        yield unknown(what, str(error))
        return
    hooks = answer.json
    if answer.status != 200 or not isinstance(hooks, list):
        yield unknown(what, f"{TOKEN if own else 'forge.token'} may not read webhooks ({answer.said})", ask)
        return
    ours = [hook for hook in hooks if isinstance(hook, dict) and _leads(hook, needs.listener.address)]
    if not ours:
        known = ", ".join(plain(_url(hook)) for hook in hooks if isinstance(hook, dict)) or "none"
        if needs.listener.exposed and forge.app:
            said = f"the App's own is not looked at here; of the repository's none leads there: {known}"
            yield unknown(what, said, f"look at it on the App's page ({_TABLE})")
        elif needs.listener.exposed:
            yield wrong(what, f"none leads to {needs.listener.address}; there are: {known}", f"enter it ({_TABLE})")
        else:
            yield unknown(what, f"which way leads to the listener is not known here; there are: {known}")
        return
    yield from _settings(needs, ours[0], what)
    if forge.kind == "github":
        yield from _deliveries(http, forge, repository, ours[0], token)


def _url(hook: dict[str, Any]) -> str:
    return str((hook.get("config") or {}).get("url") or "")


def _leads(hook: dict[str, Any], address: str) -> bool:
    # `operate init` adds a query, which the listener does not read.
    return _url(hook).partition("?")[0].rstrip("/") == address.rstrip("/")


def _settings(needs: Needs, hook: dict[str, Any], what: str) -> Iterator[Row]:
    config, events = hook.get("config") or {}, set(hook.get("events") or [])
    there, names = needs.listener, _EVENTS[needs.forge.kind]
    wanted = ["pull requests", *(["comments"] if there.comments else []), *(["pushes"] if there.pushes else [])]
    lacking = [event for event in wanted if not names[event] & events]
    mistakes = []
    if not hook.get("active", True):
        mistakes.append(("it is switched off", "Active"))
    if config.get("content_type") != "json":
        mistakes.append((f"its content type is {config.get('content_type')}", "Content type: application/json"))
    if str(config.get("insecure_ssl", "0")) not in ("0", "False", "false"):
        mistakes.append(("it verifies no certificate", "Enable SSL verification"))
    if lacking:
        mistakes.append((f"it does not tell of {', '.join(lacking)}", f"events: {', '.join(wanted)}"))
    for said, mend in mistakes:
        yield wrong(what, said, f"in the webhook's settings: {mend} ({_TABLE})")
    if not mistakes:
        yield fine(what, ", ".join(wanted))


def _deliveries(http: Http, forge: Forge, repository: str, hook: dict[str, Any], token: str) -> Iterator[Row]:
    """Yield whether the newest delivery got through: https://docs.github.com/en/rest/repos/webhooks"""
    what = f"the last delivery to the webhook of {repository} was taken"
    answer = asked(http, forge, "GET", f"/repos/{repository}/hooks/{hook.get('id')}/deliveries?per_page=1", token)
    found = answer.json
    if answer.status != 200 or not isinstance(found, list):
        yield unknown(what, answer.said)
    elif not found:
        yield unknown(what, "there is none yet")
    elif 200 <= int(found[0].get("status_code") or 0) < 300:
        yield fine(what, str(found[0].get("delivered_at")))
    else:
        said = f"{plain(str(found[0].get('status')))} ({found[0].get('status_code')}) at {found[0].get('delivered_at')}"
        yield wrong(what, said, "what stands before the listener; then Redeliver in the webhook's Recent Deliveries")
