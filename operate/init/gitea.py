"""Gitea's REST API, as far as a stack's registration goes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import urllib3

from components.conventions import plain
from operate import bounded
from operate.errors import OperateError
from operate.init.registered import Key, Repository, Rule, Webhook, repeat

PAGE, PAGES = 50, 200


class Gitea:
    """Gitea, as whoever a token belongs to."""

    several_repositories_a_key = True

    def __init__(self, api_url: str, token: str) -> None:
        self._url = api_url
        self._headers = {"Accept": "application/json", "Authorization": f"token {token}"}

    def repository(self, name: str) -> Repository:
        """Return a repository."""
        found = self._call("GET", f"/repos/{name}")
        with self._form(f"/repos/{name}"):
            administers = bool((found.get("permissions") or {}).get("admin"))
            return Repository(found["full_name"], found["default_branch"], administers)

    def keys(self, repository: str) -> Sequence[Key]:
        """Return its deploy keys."""
        with self._form(f"/repos/{repository}/keys"):
            found = self._all(f"/repos/{repository}/keys")
            return [Key(each["id"], each["title"], " ".join(each["key"].split()[:2]), each["read_only"]) for each in found]

    def add_key(self, repository: str, title: str, key: str) -> None:
        """Register a deploy key that only reads."""
        self._call("POST", f"/repos/{repository}/keys", {"title": title, "key": key, "read_only": True})

    def delete_key(self, repository: str, key: Key) -> None:
        """Take a deploy key away."""
        self._call("DELETE", f"/repos/{repository}/keys/{key.id}")

    def webhooks(self, repository: str) -> Sequence[Webhook]:
        """Return its webhooks."""
        with self._form(f"/repos/{repository}/hooks"):
            return [_webhook(each) for each in self._all(f"/repos/{repository}/hooks")]

    def put_webhook(self, repository: str, wanted: Webhook, secret: str, instead_of: Webhook | None) -> None:
        """Register a webhook, then take away the one that it replaces: Gitea ignores a new secret of one that is there."""
        config = {"url": wanted.url, "content_type": wanted.content_type, "secret": secret}
        body = {"type": "gitea", "active": True, "events": sorted(wanted.events), "config": config}
        self._call("POST", f"/repos/{repository}/hooks", body)
        if instead_of:
            self.delete_webhook(repository, instead_of)

    def delete_webhook(self, repository: str, webhook: Webhook) -> None:
        """Take a webhook away."""
        self._call("DELETE", f"/repos/{repository}/hooks/{webhook.id}")

    def events(self, *, builds: bool, comments: bool) -> frozenset[str]:
        """Return what a listener has to hear. Gitea's own `pull_request` would add labels, assignees and reviews."""
        found = {"pull_request_only", "pull_request_sync"}
        return frozenset(found | ({"push"} if builds else set()) | ({"pull_request_comment"} if comments else set()))

    def rules(self, repository: str) -> Sequence[Rule]:
        """Return nothing: a check of Gitea's has no source, so whoever may push could set it."""
        return []

    def put_rule(self, repository: str, wanted: Rule, instead_of: Rule | None) -> None:
        """Refuse."""
        raise OperateError("--branch-rules: Gitea's checks have no source; whoever may push can set them (docs/init.md)")

    def delete_rule(self, repository: str, rule: Rule) -> None:
        """Refuse: there is none."""
        self.put_rule(repository, rule, None)

    def host_keys(self) -> Sequence[str]:
        """Return nothing: Gitea does not tell them."""
        return []

    def _all(self, path: str) -> Iterator[Any]:
        """Yield what a list has. A server may give fewer than were asked for, so that it ends with an empty page."""
        for page in range(1, PAGES + 1):
            items = self._call("GET", f"{path}?page={page}&limit={PAGE}")
            if not items:
                return
            yield from items
        raise OperateError(f"GET {self._url}{path}: has no end, after {PAGES} pages")

    @contextmanager
    def _form(self, path: str) -> Iterator[None]:
        try:
            yield
        except (KeyError, TypeError, AttributeError):
            raise OperateError(f"GET {self._url}{path}: is not what Gitea answers; is that its REST API?") from None

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        what = f"{method} {self._url}{path.partition('?')[0]}"
        try:
            answer = bounded.request(method, f"{self._url}{path}", body=body, headers=self._headers)
        except urllib3.exceptions.HTTPError as error:
            raise OperateError(f"{what} has no answer: {error}{repeat(method)}") from None
        if answer.status >= 300:
            raise OperateError(f"{what}: the forge answers {answer.status}: {_reason(answer.data)}")
        try:
            return json.loads(answer.data) if answer.data else None
        except ValueError:
            raise OperateError(f"{what}: the forge answers no JSON; is that its REST API, …/api/v1?") from None


def _webhook(told: Mapping[str, Any]) -> Webhook:
    config = told["config"] or {}
    return Webhook(
        url=config.get("url", ""),
        # Gitea tells `pull_request_only` by this name, and all that is more than it by names of their own.
        events=frozenset("pull_request_only" if event == "pull_request" else event for event in told["events"] or ()),
        active=told["active"],
        content_type=config.get("content_type", ""),
        id=told["id"],
    )


def _reason(data: bytes) -> str:
    try:
        return plain(str(json.loads(data)["message"]))[:300]
    except (ValueError, KeyError, TypeError):
        return plain(data.decode(errors="replace"))[:300]
