"""Puts the comment below a pull request, once: later runs change it. GitHub and Gitea share this part of their API.

`FORGE_TOKEN=… python -m offline.check.comment --api URL --repository OWNER/NAME --pull-request N --user LOGIN <comment.md`

Standard library only: in continuous integration it runs apart from the pull request's code, and installs nothing.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TIMEOUT = 30


@dataclass(frozen=True)
class PullRequest:
    """Where the comment goes, and who writes it."""

    api: str
    """E.g. `https://api.github.com` or `https://gitea.example/api/v1`."""
    repository: str
    number: int
    user: str
    """The token's account: a comment of somebody else is left alone, whatever its first line is."""
    token: str

    def write(self, text: str) -> str:
        """Change this account's comment with the same first line, or make it. Returns its URL."""
        marker = text.splitlines()[0]
        issues = f"/repos/{self.repository}/issues"
        for comment in self._comments(f"{issues}/{self.number}/comments"):
            if comment["user"]["login"] == self.user and comment["body"].startswith(marker):
                return str(self._call("PATCH", f"{issues}/comments/{comment['id']}", {"body": text})["html_url"])
        return str(self._call("POST", f"{issues}/{self.number}/comments", {"body": text})["html_url"])

    def _comments(self, path: str) -> Iterator[dict[str, Any]]:
        """Page by page; Gitea answers every page with all of them."""
        seen: set[int] = set()
        page = 1
        while new := [each for each in self._call("GET", f"{path}?per_page=100&page={page}") if each["id"] not in seen]:
            yield from new
            seen |= {each["id"] for each in new}
            page += 1

    def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310
            self.api.rstrip("/") + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"token {self.token}",
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": "tekton-delivery",
            },
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return json.load(answer)


def main(arguments: list[str]) -> int:
    """Write what stands on standard input. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m offline.check.comment", description="Writes or changes one comment.")
    parser.add_argument("--api", required=True, help="base URL of the forge's API, e.g. https://api.github.com")
    parser.add_argument("--repository", required=True, metavar="OWNER/NAME")
    parser.add_argument("--pull-request", required=True, type=int, metavar="N")
    parser.add_argument("--user", required=True, metavar="LOGIN", help="the account of the token in FORGE_TOKEN")
    options = parser.parse_args(arguments)
    if not options.api.startswith(("https://", "http://")):
        parser.error(f"--api {options.api} is no URL; write https://…")
    text, token = sys.stdin.read(), os.environ.get("FORGE_TOKEN", "")
    if not text.strip() or not token:
        print("error: the comment on standard input and FORGE_TOKEN must not be empty", file=sys.stderr)  # noqa: T201
        return 1
    target = PullRequest(options.api, options.repository, options.pull_request, options.user, token)
    try:
        print(target.write(text))  # noqa: T201
    except (urllib.error.URLError, TimeoutError) as error:
        print(f"error: {options.api}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
