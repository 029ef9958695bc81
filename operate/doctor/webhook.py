"""The webhook: the listener runs and answers, the forge has a webhook that tells it, and what it told got through.

With a GitHub App it may be the App's own in place of one in each repository.
"""

import os
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from components.conventions import plain
from offline.needs.values import App, Forge, Needs
from operate.doctor import listening
from operate.doctor.api import Api, NoClusterError
from operate.doctor.forge import asked, signed_by
from operate.doctor.http import Answer, Http, NoAnswerError
from operate.doctor.rows import Row, advised, fine, unknown, wrong
from operate.forge import TOKEN
from steps.forge import ForgeError

_TABLE = "docs/real-clusters.md, The webhook"
_APPS = "the App's page at GitHub"
_UNKNOWN_WAY = "which way leads to the listener is not known here"
# How many of the newest deliveries are looked at, and of those that failed told.
_NEWEST, _TOLD = 20, 3
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
    own, others = list[Row](), list[Row]()
    try:
        for row in listening.rows(needs, api) if api else ():
            own.append(row)
            yield row
    except NoClusterError as error:
        yield unknown("the listener", str(error))
        api = None
    for row in _way(needs, http):
        others.append(row)
        yield row
    if api:
        try:
            yield listening.heard(needs, api, own, others)
        except NoClusterError as error:
            yield unknown("signed webhooks start runs", str(error))


def _way(needs: Needs, http: Http) -> Iterator[Row]:
    """Yield what there is to say of the way from the forge to the listener."""
    yield from reachable(needs, http)
    if needs.forge.app and needs.forge.app.key:
        yield from by_app(needs, http, needs.forge.app)
        return
    for repository in needs.forge.repositories:
        yield from webhook(needs, http, repository.name)


def by_app(needs: Needs, http: Http, app: App) -> Iterator[Row]:
    """Yield whether an App's own webhook tells the listener, or one in each repository does.

    https://docs.github.com/en/rest/apps/webhooks
    """
    forge, what = needs.forge, f"the GitHub App {app.id} has a webhook for this stack"
    try:
        key = signed_by(app)
        answer = asked(http, forge, "GET", "/app/hook/config", key)
        config = _object(answer)
        hook: dict[str, Any] = {"config": config}
        if _leads(hook, needs.listener.address):
            about = asked(http, forge, "GET", "/app", key)
            hook["events"] = _object(about).get("events")
            untold = "" if isinstance(hook["events"], list) else about.said
            yield from _settings(needs, hook, what, f"on {_APPS}", untold)
            yield from _deliveries(http, forge, f"the App {app.id}", "/app/hook/deliveries", key)
            return
    except (NoAnswerError, ForgeError) as error:
        yield unknown(what, str(error))
        return
    exposed = needs.listener.exposed
    if _url(hook):
        said = f"its own leads to {plain(_url(hook))}" + (f", not to {needs.listener.address}" if exposed else "")
    elif config or answer.status == HTTPStatus.NOT_FOUND:
        said = "it has no webhook active"
    else:
        said = f"that is not told: {answer.said}"
    found = [list(webhook(needs, http, each.name, said)) for each in forge.repositories]
    # Of one that is there, more is told than that: its settings, and its deliveries.
    if all(len(each) > 1 for each in found):
        yield fine(what, f"{said}; each repository has one")
    elif exposed:
        yield unknown(what, said, f"on {_APPS} Active, and the listener's URL, or a webhook in each repository ({_TABLE})")
    else:
        yield unknown(what, f"{_UNKNOWN_WAY}; {said}")
    yield from (row for each in found for row in each)


def _object(answer: Answer) -> dict[str, Any]:
    """Return what was answered, if that is an object; else nothing."""
    return answer.json if answer.status == HTTPStatus.OK and isinstance(answer.json, dict) else {}


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
        return
    # What leads there says so where the listener itself does not answer.
    who = "so what leads there does not reach it" if answer.is_passing else "so something else answers there"
    yield wrong(what, f"{answer.status} at /live, {who}", "`listener.exposure`, and what leads there")


def webhook(needs: Needs, http: Http, repository: str, apps: str = "") -> Iterator[Row]:
    """Yield whether a repository has a webhook that tells the listener. It takes a right that the stack's token lacks.

    `apps` is why the App's own, where that could be looked at, does not tell it.
    """
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
    if answer.is_passing:
        yield unknown(what, f"the forge answers {answer.said}")
        return
    if answer.status != 200 or not isinstance(hooks, list):
        yield unknown(what, f"{TOKEN if own else 'forge.token'} may not read webhooks ({answer.said})", ask)
        return
    ours = [hook for hook in hooks if isinstance(hook, dict) and _leads(hook, needs.listener.address)]
    # One that is switched off beside another that is not tells nothing, and hides nothing.
    ours.sort(key=lambda hook: not hook.get("active", True))
    if not ours:
        known = ", ".join(_known(hook) for hook in hooks if isinstance(hook, dict)) or "none"
        if needs.listener.exposed and forge.app and not apps:
            said = f"the App's own is not looked at here; of the repository's none leads there: {known}"
            yield unknown(what, said, f"look at it on the App's page ({_TABLE})")
        elif needs.listener.exposed:
            besides = f"; of the App, {apps}" if apps else ""
            said = f"none leads to {needs.listener.address}; there are: {known}{besides}"
            yield wrong(what, said, f"enter it ({_TABLE})")
        else:
            yield unknown(what, f"{_UNKNOWN_WAY}; there are: {known}")
        return
    yield from _settings(needs, ours[0], what)
    if forge.kind == "github":
        path = f"/repos/{repository}/hooks/{ours[0].get('id')}/deliveries"
        yield from _deliveries(http, forge, repository, path, token)


def _url(hook: dict[str, Any]) -> str:
    return str((hook.get("config") or {}).get("url") or "")


def _known(hook: dict[str, Any]) -> str:
    return plain(_url(hook)) + ("" if hook.get("active", True) else " (switched off)")


def _leads(hook: dict[str, Any], address: str) -> bool:
    # `operate init` adds a query, which the listener does not read.
    return _url(hook).partition("?")[0].rstrip("/") == address.rstrip("/")


def _settings(
    needs: Needs, hook: dict[str, Any], what: str, where: str = "in the webhook's settings", untold: str = ""
) -> Iterator[Row]:
    """Yield what is otherwise with a webhook's settings. `untold` is what answered in place of its events."""
    config, events = hook.get("config") or {}, set(hook.get("events") or [])
    there, names = needs.listener, _EVENTS[needs.forge.kind]
    wanted = ["pull requests", *(["comments"] if there.comments else []), *(["pushes"] if there.pushes else [])]
    lacking = [event for event in wanted if not names[event] & events and not untold]
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
        yield wrong(what, said, f"{where}: {mend} ({_TABLE})")
    if untold:
        yield unknown(what, f"its events are not told: {untold}")
    elif not mistakes:
        yield fine(what, ", ".join(wanted))


def _deliveries(http: Http, forge: Forge, whose: str, path: str, token: str) -> Iterator[Row]:
    """Yield whether the newest deliveries got through: https://docs.github.com/en/rest/repos/webhooks"""
    what = f"the last delivery to the webhook of {whose} was taken"
    try:
        answer = asked(http, forge, "GET", f"{path}?per_page={_NEWEST}", token)
    except NoAnswerError as error:
        yield unknown(what, str(error))
        return
    found = [each for each in answer.json if isinstance(each, dict)] if isinstance(answer.json, list) else []
    if answer.status != 200 or not isinstance(answer.json, list):
        yield unknown(what, answer.said)
        return
    if not found:
        yield unknown(what, "there is none yet")
        return
    taken, failed = set[str](), []
    for each in found:  # the newest first: a delivery that was sent again has the former one's number, `guid`
        if _is_taken(each):
            taken |= {str(each["guid"])} if each.get("guid") else set()
        elif str(each.get("guid")) not in taken:
            failed.append(each)
    told = ", ".join(map(_delivery, failed[:_TOLD])) + (f" and {len(failed) - _TOLD} more" if failed[_TOLD:] else "")
    again = "Redeliver in the webhook's Recent Deliveries"
    if failed and failed[0] is found[0]:
        yield wrong(what, told, f"what stands before the listener; then {again}")
    elif failed:
        said = f"it was, and {len(failed)} of the last {len(found)} were not: {told}"
        yield advised(what, said, f"{again} what is still wanted")
    else:
        yield fine(what, plain(str(found[0].get("delivered_at"))))


def _is_taken(delivery: dict[str, Any]) -> bool:
    code = delivery.get("status_code")
    return isinstance(code, int) and 200 <= code < 300


def _delivery(delivery: dict[str, Any]) -> str:
    return plain(f"{delivery.get('status')} ({delivery.get('status_code')}) at {delivery.get('delivered_at')}")
