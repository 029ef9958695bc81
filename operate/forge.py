"""What the forge says of a pull request; GitHub and Gitea share path and body."""

import json
import os
import re

import urllib3

from components.conventions import Manifest, plain
from operate import bounded
from operate.errors import OperateError
from steps.text import same_repository

TOKEN = "FORGE_TOKEN"
_SHA = re.compile(r"[0-9a-f]{40}")


def pull_request(api_url: str, repository: str, number: int) -> Manifest:
    """Return a pull request of a repository itself, as webhooks carry it.

    Raises OperateError for one from a fork, and for what was pushed for review (Gitea's AGit, where it has no label): the
    right to read is enough for that.
    """
    url = f"{api_url}/repos/{repository}/pulls/{number}"
    token = os.environ.get(TOKEN)
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        answer = bounded.request("GET", url, headers=headers)
    except urllib3.exceptions.HTTPError as error:
        raise OperateError(f"{url} does not answer: {error}; name the API as it is reached from here: --api-url") from error
    if answer.status != 200:
        hint = (
            f"; set {TOKEN} to a token that may read {repository}" if answer.status in (401, 403, 404) and not token else ""
        )
        raise OperateError(f"{url} answers {answer.status}{hint}")
    try:
        found: Manifest = json.loads(answer.data)
    except ValueError:
        raise OperateError(f"{url} answers no JSON; is that the forge's REST API? Name it: --api-url") from None
    try:
        origin = (found["head"].get("repo") or {}).get("full_name")
    except (LookupError, TypeError, AttributeError):
        raise OperateError(f"{url} answers no pull request; name the forge's API: --api-url") from None
    if not same_repository(origin, repository):
        where = plain(str(origin)) if origin else "a repository that is gone"
        raise OperateError(f"#{number} comes from {where}; nothing from there is delivered")
    if not found["head"].get("label"):
        raise OperateError(f"#{number} was pushed for review, not to a branch; nothing from there is delivered")
    if not _SHA.fullmatch(found["head"]["sha"]):
        raise OperateError(f"{url}: {found['head']['sha']!r} is no commit")
    return found
