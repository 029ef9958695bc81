"""What a forge knows of a stack: deploy keys, webhooks and, on GitHub, a ruleset. Each is recognised as the stack's own."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

# The name of the query in a webhook's URL, which says whose it is; a listener looks at no query.
MARKER = "tekton-delivery"


@dataclass(frozen=True)
class Key:
    """A deploy key."""

    id: int
    title: str
    key: str
    """`ssh-ed25519 AAAA…`, without a comment."""
    read_only: bool


@dataclass(frozen=True)
class Webhook:
    """A webhook. No forge tells its secret."""

    url: str
    events: frozenset[str]
    active: bool = True
    content_type: str = "json"
    checks_certificate: bool = True
    id: int = 0

    @property
    def base(self) -> str:
        """The URL without its query."""
        return self.url.partition("?")[0].rstrip("/")

    def belongs_to(self, stack: str) -> bool:
        """Return whether a stack registered it."""
        return urlsplit(self.url).query.startswith(f"{MARKER}={stack}.")

    def same(self, other: "Webhook") -> bool:
        """Return whether the other one does the same."""
        return (self.url, self.events, self.active, self.content_type, self.checks_certificate) == (
            other.url,
            other.events,
            other.active,
            other.content_type,
            other.checks_certificate,
        )


@dataclass(frozen=True)
class Rule:
    """A ruleset that wants checks of one App."""

    name: str
    branches: tuple[str, ...]
    checks: tuple[str, ...]
    app: int
    """The App's number: a check that another one set does not count."""
    id: int = 0
    active: bool = True

    def same(self, other: "Rule") -> bool:
        """Return whether the other one says the same."""
        return (sorted(self.branches), sorted(self.checks), self.app, self.active) == (
            sorted(other.branches),
            sorted(other.checks),
            other.app,
            other.active,
        )


@dataclass(frozen=True)
class Repository:
    """A repository, and what whoever asks may do there."""

    name: str
    default_branch: str
    administers: bool = field(default=False)


class Forge(Protocol):
    """What `init` asks of a forge. Every call raises OperateError where the forge refuses."""

    several_repositories_a_key: bool
    """Whether one deploy key may open several repositories."""

    def repository(self, name: str) -> Repository: ...

    def keys(self, repository: str) -> Sequence[Key]: ...

    def add_key(self, repository: str, title: str, key: str) -> None: ...

    def delete_key(self, repository: str, key: Key) -> None: ...

    def webhooks(self, repository: str) -> Sequence[Webhook]: ...

    def put_webhook(self, repository: str, wanted: Webhook, secret: str, instead_of: Webhook | None) -> None: ...

    def delete_webhook(self, repository: str, webhook: Webhook) -> None: ...

    def events(self, *, builds: bool, comments: bool) -> frozenset[str]: ...

    def rules(self, repository: str) -> Sequence[Rule]: ...

    def put_rule(self, repository: str, wanted: Rule, instead_of: Rule | None) -> None: ...

    def delete_rule(self, repository: str, rule: Rule) -> None: ...

    def host_keys(self) -> Sequence[str]: ...


def repeat(method: str) -> str:
    """Return what goes on from a call that nobody answered: a change may have been made all the same."""
    return "" if method == "GET" else "; it may have been made: run this again, it goes on from what is there"


def title(stack: str) -> str:
    """Return the name of a stack's deploy keys and rulesets."""
    return f"tekton-delivery {stack}"


def key_title(stack: str, key: str, taken: Collection[str]) -> str:
    """Return the title of a deploy key beside those that are there: Gitea has no title twice."""
    plain = title(stack)
    return f"{plain} ({hashlib.sha256(key.encode()).hexdigest()[:8]})" if plain in taken else plain


def webhook_url(listener: str, stack: str, secret: str) -> str:
    """Return a webhook's URL, which tells whose it is and, since no forge does, whether its secret is this one.

    48 bits of a digest tell nothing of a random secret of 40 letters and digits.
    """
    base = listener.rstrip("/")
    path = "" if urlsplit(base).path else "/"
    return f"{base}{path}?{MARKER}={stack}.{hashlib.sha256(secret.encode()).hexdigest()[:12]}"
