"""Webhooks as somebody without the secret sends them, and signed ones about what was never asked for."""

import copy
import gzip
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.forge.replay import rewrite, sign
from local.forge.setup import REPOSITORY
from tests.e2e.world import payload

SHA = "feedfacefeedfacefeedfacefeedfacefeedface"
Body = dict[str, Any]
JSON = {"Content-Type": "application/json", "X-GitHub-Event": "pull_request"}


@dataclass(frozen=True)
class Request:
    """One HTTP request to a listener."""

    content: bytes
    headers: Mapping[str, str]
    method: str = "POST"
    path: str = "/"


@dataclass(frozen=True)
class Attempt:
    """How a request is made of an honest body and the listener's secret, which only some attackers hold."""

    make: Callable[[Body, str], Request]
    environment: str = "staging"
    webhook: str = "opened"
    answers: tuple[int, ...] = (202,)
    """The sink answers before it has looked at a signature."""


def honest(webhook: str, number: int) -> Body:
    """The body that an attempt begins with, about a pull request that nobody else speaks of."""
    body = rewrite(payload("github", webhook), repository=REPOSITORY, head_sha=SHA, merge_sha=SHA, number=number)
    # A new second each time, so that no name of a run was ever used.
    body["pull_request"]["updated_at"] = f"20{secrets.randbelow(90) + 10}-01-02T03:04:{secrets.randbelow(60):02}Z"
    return body


def encode(body: Body) -> bytes:
    return json.dumps(body).encode()


def signed(content: bytes, secret: str, **headers: str) -> Request:
    """A request with a good signature over the content; headers as `X_Name` for X-Name."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(content, JSON | {"X-Hub-Signature-256": sign(content, secret)} | named)


def _set(*path: str, value: Any) -> Callable[[Body, str], Request]:
    """Rightly signed, with another value in one place."""

    def make(body: Body, secret: str) -> Request:
        changed = copy.deepcopy(body)
        place = changed
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value
        return signed(encode(changed), secret)

    return make


def _header(**headers: str) -> Callable[[Body, str], Request]:
    """Rightly signed, with other headers, which no signature covers."""
    return lambda body, secret: signed(encode(body), secret, **headers)


def _altered(body: Body, secret: str) -> Request:
    """The signature of one body over another."""
    return Request(encode(body | {"nonce": 1}), signed(encode(body), secret).headers)


def _sha1(body: Body, secret: str) -> Request:
    """The older signature alone."""
    digest = hmac.new(secret.encode(), encode(body), hashlib.sha1).hexdigest()
    return Request(encode(body), JSON | {"X-Hub-Signature": f"sha1={digest}"})


def _sha1_beside_a_wrong_one(body: Body, secret: str) -> Request:
    made = _sha1(body, secret)
    return Request(made.content, {**made.headers, "X-Hub-Signature-256": sign(made.content, "guess")})


def _signature(value: str) -> Callable[[Body, str], Request]:
    """Some other text for a signature."""
    return lambda body, secret: Request(encode(body), JSON | {"X-Hub-Signature-256": value})


def _compressed(body: Body, secret: str) -> Request:
    packed = gzip.compress(encode(body))
    return Request(packed, {**signed(packed, secret).headers, "Content-Encoding": "gzip"})


def _duplicate_keys(body: Body, secret: str) -> Request:
    """A reader that takes the first of two equal keys sees an honest pull request, another one does not."""
    text = encode(body)
    return signed(text[:-1] + b', "repository": {"full_name": "acme/other"}}', secret)


UNSIGNED: Mapping[str, Attempt] = {
    "altered-body": Attempt(_altered),
    "no-signature": Attempt(lambda body, secret: Request(encode(body), JSON)),
    "empty-signature": Attempt(_signature("")),
    "algorithm-without-digest": Attempt(_signature("sha256=")),
    "signature-of-nothing": Attempt(lambda body, secret: Request(encode(body), signed(b"", secret).headers)),
    "uppercase-signature": Attempt(
        lambda body, secret: Request(encode(body), JSON | {"X-Hub-Signature-256": sign(encode(body), secret).upper()})
    ),
    "truncated-signature": Attempt(
        lambda body, secret: Request(encode(body), JSON | {"X-Hub-Signature-256": sign(encode(body), secret)[:-2]})
    ),
    "empty-secret": Attempt(lambda body, secret: signed(encode(body), "")),
    "sha1": Attempt(_sha1),
    "sha1-and-a-wrong-one": Attempt(_sha1_beside_a_wrong_one),
    "other-method-and-path": Attempt(
        lambda body, secret: Request(encode(body), signed(encode(body), "guess").headers, "PUT", "/production-ci/merge")
    ),
    "claims-to-be-merged": Attempt(
        lambda body, secret: signed(encode(body), "guess"), environment="production", webhook="closed_merged"
    ),
}

SIGNED: Mapping[str, Attempt] = {
    "form": Attempt(_header(Content_Type="application/x-www-form-urlencoded")),
    "gzip": Attempt(_compressed, answers=(400,)),
    "two-objects": Attempt(lambda body, secret: signed(encode(body) * 2, secret), answers=(400,)),
    "a-list": Attempt(lambda body, secret: signed(b"[" + encode(body) + b"]", secret), answers=(400,)),
    "null": Attempt(lambda body, secret: signed(b"null", secret)),
    "nothing": Attempt(lambda body, secret: signed(b"", secret), answers=(400, 202)),
    "duplicate-keys": Attempt(_duplicate_keys),
    "huge": Attempt(lambda body, secret: signed(encode(body | {"action": "x" * 8_000_000}), secret), answers=(202, 500)),
    "deep": Attempt(
        lambda body, secret: signed(b'{"action": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", secret), answers=(202, 400)
    ),
    "other-event": Attempt(_header(X_GitHub_Event="push")),
    "event-of-comments": Attempt(_header(X_GitHub_Event="issue_comment")),
    "enterprise-host": Attempt(_header(X_GitHub_Enterprise_Host="203.0.113.1")),
    "action-in-capitals": Attempt(_set("action", value="OPENED")),
    "action-of-letters-that-look-alike": Attempt(_set("action", value="\u043epened")),
    "action-as-list": Attempt(_set("action", value=["opened"])),
    "other-repository": Attempt(_set("repository", "full_name", value="acme/other")),
    "repository-in-capitals": Attempt(_set("repository", "full_name", value="ACME/chespirito")),
    "repository-with-a-tail": Attempt(_set("repository", "full_name", value="acme/chespirito\u200b")),
    "base-of-another-repository": Attempt(_set("pull_request", "base", "repo", "full_name", value="acme/other")),
    "other-base": Attempt(_set("pull_request", "base", "ref", value="release")),
    "base-as-full-ref": Attempt(_set("pull_request", "base", "ref", value="refs/heads/main")),
    "fork": Attempt(_set("pull_request", "head", "repo", "full_name", value="mallory/chespirito")),
    "deleted-fork": Attempt(_set("pull_request", "head", "repo", value=None)),
    "pushed-for-review": Attempt(_set("pull_request", "head", "label", value="")),
    "head-on-no-branch": Attempt(_set("pull_request", "head", "ref", value="refs/pull/1/head")),
    "merge-of-what-was-pushed-for-review": Attempt(
        _set("pull_request", "head", "label", value=""), environment="production", webhook="closed_merged"
    ),
    "no-pull-request": Attempt(_set("pull_request", value=None)),
    "draft": Attempt(_set("pull_request", "draft", value=True)),
    "draft-by-no-flag": Attempt(_set("pull_request", "draft", value="false")),
    "edited-without-a-change": Attempt(_set("action", value="edited")),
    "short-sha": Attempt(_set("pull_request", "head", "sha", value=SHA[:12])),
    "long-sha": Attempt(_set("pull_request", "head", "sha", value=SHA + "0")),
    "sha-in-capitals": Attempt(_set("pull_request", "head", "sha", value=SHA.upper())),
    "sha-of-two-lines": Attempt(_set("pull_request", "head", "sha", value=f"{SHA}\nmain")),
    "branch-for-sha": Attempt(_set("pull_request", "head", "sha", value="main")),
    "option-for-sha": Attempt(_set("pull_request", "head", "sha", value="--upload-pack=touch /tmp/PWNED")),
    "sha-as-list": Attempt(_set("pull_request", "head", "sha", value=[SHA])),
    "number-as-words": Attempt(_set("number", value="one")),
    "number-as-object": Attempt(_set("number", value={"$(id)": 1})),
    "number-with-zeros": Attempt(_set("number", value="0007")),
    "fraction": Attempt(_set("number", value=7.5)),
    "negative-number": Attempt(_set("number", value=-7)),
    "number-too-large": Attempt(_set("number", value=1e300)),
    "no-number": Attempt(_set("number", value=None)),
    "opened-but-closed": Attempt(_set("pull_request", "state", value="closed")),
    "closed-and-not-merged": Attempt(
        _set("pull_request", "merged", value=False), environment="production", webhook="closed_merged"
    ),
    "merged-as-text": Attempt(
        _set("pull_request", "merged", value="true"), environment="production", webhook="closed_merged"
    ),
    "merged-by-no-name": Attempt(
        _set("pull_request", "merged_by", value={}), environment="production", webhook="closed_merged"
    ),
    "merged-by-a-command": Attempt(
        _set("pull_request", "merged_by", "login", value="$(touch PWNED)"), environment="production", webhook="closed_merged"
    ),
    "merge-without-commit": Attempt(
        _set("pull_request", "merge_commit_sha", value=None), environment="production", webhook="closed_merged"
    ),
    "opened-at-production": Attempt(_header(), environment="production"),
}
