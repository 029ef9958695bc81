"""GitHub's own webhook bodies, about another repository and other commits, signed and sent as GitHub does."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from typing import Any

import httpx

from local.errors import UserError

_TIMEOUT = 10.0


def sign(body: bytes, secret: str) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def send(
    body: bytes, *, url: str, secret: str | None, event: str = "pull_request", delivery: str | None = None
) -> httpx.Response:
    """Post a body with GitHub's headers; `secret=None` leaves the signature out. Any answer is an answer."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/0000000",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }
    if secret is not None:
        headers["X-Hub-Signature-256"] = sign(body, secret)
    try:
        with httpx.Client(timeout=_TIMEOUT, trust_env=False) as client:
            return client.post(url, content=body, headers=headers)
    except httpx.HTTPError as error:
        raise UserError(f"Cannot deliver a webhook: no answer from {url} ({error}).") from error


def rewrite(
    payload: Mapping[str, Any],
    *,
    repository: str,
    head_sha: str,
    merge_sha: str | None = None,
    base_ref: str = "main",
    number: int | None = None,
    ssh_url: str | None = None,
    clone_url: str | None = None,
) -> dict[str, Any]:
    """The body as GitHub would have sent it for this repository and these commits.

    Every mention follows: names, owners, URLs, shas. The head of a fork keeps its own repository, and only a base that is
    the default branch becomes `base_ref`. `ssh_url` and `clone_url` are for a repository that is not on github.com.
    """
    owner, name = repository.split("/")
    pull = payload["pull_request"]
    old_repository = payload["repository"]["full_name"]
    old_owner = payload["repository"]["owner"]["login"]
    words = {old_repository: repository, pull["head"]["sha"]: head_sha}
    if number is not None:
        for segment in ("pull", "pulls", "issues"):
            words[f"/{segment}/{payload['number']}"] = f"/{segment}/{number}"
    body: dict[str, Any] = _replace(dict(payload), words)

    pull = body["pull_request"]
    default_branch = payload["repository"]["default_branch"]
    if pull["base"]["ref"] == default_branch:
        pull["base"]["ref"] = base_ref
    pull["base"]["label"] = f"{owner}:{pull['base']['ref']}"
    former = body.get("changes", {}).get("base", {}).get("ref", {})
    if former.get("from") == default_branch:
        former["from"] = base_ref
    if merge_sha is not None:
        pull["merge_commit_sha"] = merge_sha
    if number is not None:
        body["number"] = pull["number"] = number
    branches = [branch for branch in (pull["head"], pull["base"]) if branch["repo"]["full_name"] == repository]
    for branch in branches:
        branch["label"] = f"{owner}:{branch['ref']}"
        branch["user"] = _replace(branch["user"], {old_owner: owner})
    for place in (body["repository"], *(branch["repo"] for branch in branches)):
        place["name"] = name
        place["owner"] = _replace(place["owner"], {old_owner: owner})
        place["default_branch"] = base_ref
        place["ssh_url"] = ssh_url or place["ssh_url"]
        place["clone_url"] = clone_url or place["clone_url"]
    return body


def replay(
    payload: Mapping[str, Any],
    *,
    repository: str,
    head_sha: str,
    secret: str | None,
    url: str,
    merge_sha: str | None = None,
    base_ref: str = "main",
    number: int | None = None,
    ssh_url: str | None = None,
    clone_url: str | None = None,
    delivery: str | None = None,
) -> httpx.Response:
    """Rewrite a published body and send it to a listener. The same `delivery` twice is a redelivery."""
    body = rewrite(
        payload,
        repository=repository,
        head_sha=head_sha,
        merge_sha=merge_sha,
        base_ref=base_ref,
        number=number,
        ssh_url=ssh_url,
        clone_url=clone_url,
    )
    compact = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return send(compact, url=url, secret=secret, delivery=delivery)


def _replace(value: Any, words: Mapping[str, str]) -> Any:
    """The value with words replaced in every string in it."""
    if isinstance(value, str):
        for old, new in words.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, list):
        return [_replace(item, words) for item in value]
    if isinstance(value, dict):
        return {key: _replace(item, words) for key, item in value.items()}
    return value
