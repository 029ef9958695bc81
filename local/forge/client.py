"""What a developer does on the forge, and what a test asks of it: branches, pull requests, statuses, comments."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from local.errors import UserError
from local.forge.api import Api, ApiError

MergeStyle = Literal["merge", "squash", "rebase", "fast-forward-only"]
State = Literal["pending", "success", "error", "failure"]

# Gitea says this while it still computes whether a pull request can be merged, and also when it cannot.
_NOT_MERGEABLE_YET = "try again later"
_POLL = 0.1


@dataclass(frozen=True)
class PullRequest:
    """A pull request as it was when it was read."""

    number: int
    title: str
    branch: str
    base: str
    head_sha: str
    state: Literal["open", "closed"]
    merged: bool
    merge_commit_sha: str | None
    url: str


@dataclass(frozen=True)
class Status:
    """The newest status of a commit in one context."""

    context: str
    state: str
    description: str
    target_url: str


@dataclass(frozen=True)
class Comment:
    """A comment below a pull request."""

    user: str
    body: str


class Gitea(Api):
    """A repository's daily life. Repositories are named `owner/name`."""

    def clone_urls(self, repository: str) -> tuple[str, str]:
        """Where to clone from, over SSH and over HTTP, as the cluster's pods see it."""
        body = self.call("GET", f"/repos/{repository}", f"read {repository}")
        return body["ssh_url"], body["clone_url"]

    def head(self, repository: str, branch: str) -> str:
        """The commit that a branch points at."""
        body = self.call("GET", f"/repos/{repository}/branches/{branch}", f"read the branch {branch} of {repository}")
        return str(body["commit"]["id"])

    def commit(
        self,
        repository: str,
        branch: str,
        message: str,
        files: Mapping[str, str | bytes],
        *,
        base: str | None = None,
    ) -> str:
        """Write files in one commit and return its sha. With `base`, the branch is made from that branch first."""
        operations = [
            {
                "operation": "upload",  # creates or replaces
                "path": path,
                "content": base64.b64encode(data.encode() if isinstance(data, str) else data).decode(),
            }
            for path, data in files.items()
        ]
        target = {"branch": base, "new_branch": branch} if base else {"branch": branch}
        body = self.call(
            "POST",
            f"/repos/{repository}/contents",
            f"commit to the branch {branch} of {repository}",
            json={"message": message, "files": operations, **target},
        )
        return str(body["commit"]["sha"])

    def delete_branch(self, repository: str, branch: str) -> None:
        self.call("DELETE", f"/repos/{repository}/branches/{branch}", f"delete the branch {branch} of {repository}")

    def open_pull_request(
        self, repository: str, branch: str, title: str, *, body: str = "", base: str = "main"
    ) -> PullRequest:
        """Ask for a branch of this repository, or `owner:branch` of a fork, to be merged into `base`."""
        answer = self.call(
            "POST",
            f"/repos/{repository}/pulls",
            f"open a pull request from {branch} in {repository}",
            json={"head": branch, "base": base, "title": title, "body": body},
        )
        return _pull_request(answer)

    def fork(self, repository: str) -> str:
        """Make this user's fork of a repository; its name."""
        return str(self.call("POST", f"/repos/{repository}/forks", f"fork {repository}", json={})["full_name"])

    def delete_repository(self, repository: str) -> None:
        self.call("DELETE", f"/repos/{repository}", f"delete the repository {repository}")

    def pull_request(self, repository: str, number: int) -> PullRequest:
        return _pull_request(
            self.call("GET", f"/repos/{repository}/pulls/{number}", f"read pull request {number} of {repository}")
        )

    def pull_requests(self, repository: str, state: Literal["open", "closed", "all"] = "open") -> list[PullRequest]:
        """Newest first."""
        found = self.all(f"/repos/{repository}/pulls", f"list pull requests of {repository}", {"state": state})
        return [_pull_request(body) for body in found]

    def close(self, repository: str, number: int) -> PullRequest:
        """Close without merging."""
        return self._set_state(repository, number, "closed")

    def reopen(self, repository: str, number: int) -> PullRequest:
        return self._set_state(repository, number, "open")

    def edit(self, repository: str, number: int, **changes: str) -> PullRequest:
        """Change a pull request's `title`, `body` or `base`. A title that begins with `WIP:` makes it a draft."""
        return self._edit(repository, number, changes, f"edit pull request {number} of {repository}")

    def merge(self, repository: str, number: int, style: MergeStyle = "merge", *, within: float = 30.0) -> PullRequest:
        """Merge, waiting until Gitea has found out that it can; the pull request as it is then."""
        deadline = time.monotonic() + within
        while True:
            try:
                self.call(
                    "POST",
                    f"/repos/{repository}/pulls/{number}/merge",
                    f"merge pull request {number} of {repository}",
                    json={"do": style},
                )
            except ApiError as error:
                if error.status != httpx.codes.METHOD_NOT_ALLOWED or _NOT_MERGEABLE_YET not in error.reason.lower():
                    raise
                if time.monotonic() > deadline:
                    raise UserError(
                        f"Pull request {number} of {repository} cannot be merged: the forge found no clean merge "
                        f"within {within:.0f} s. It may conflict with its base branch."
                    ) from error
                time.sleep(_POLL)
            else:
                return self.pull_request(repository, number)

    def set_status(
        self, repository: str, sha: str, context: str, state: State, *, description: str = "", target_url: str = ""
    ) -> None:
        self.call(
            "POST",
            f"/repos/{repository}/statuses/{sha}",
            f"set the status {context} on {sha} in {repository}",
            json={"context": context, "state": state, "description": description, "target_url": target_url},
        )

    def statuses(self, repository: str, sha: str) -> dict[str, Status]:
        """The newest status in each context."""
        body = self.call("GET", f"/repos/{repository}/commits/{sha}/status", f"read statuses of {sha} in {repository}")
        return {
            item["context"]: Status(item["context"], item["status"], item["description"], item["target_url"])
            for item in body["statuses"] or []
        }

    def comment(self, repository: str, number: int, body: str) -> None:
        self.call(
            "POST",
            f"/repos/{repository}/issues/{number}/comments",
            f"comment on pull request {number} of {repository}",
            json={"body": body},
        )

    def comments(self, repository: str, number: int) -> list[Comment]:
        """Oldest first."""
        found = self.call(
            "GET",
            f"/repos/{repository}/issues/{number}/comments",
            f"read comments on pull request {number} of {repository}",
        )
        return [Comment(item["user"]["login"], item["body"]) for item in found]

    def _set_state(self, repository: str, number: int, state: Literal["open", "closed"]) -> PullRequest:
        return self._edit(repository, number, {"state": state}, f"set pull request {number} of {repository} to {state}")

    def _edit(self, repository: str, number: int, changes: Mapping[str, str], what: str) -> PullRequest:
        return _pull_request(self.call("PATCH", f"/repos/{repository}/pulls/{number}", what, json=dict(changes)))


def _pull_request(body: Mapping[str, Any]) -> PullRequest:
    return PullRequest(
        number=body["number"],
        title=body["title"],
        branch=body["head"]["ref"],
        base=body["base"]["ref"],
        head_sha=body["head"]["sha"],
        state=body["state"],
        merged=body["merged"],
        merge_commit_sha=body["merge_commit_sha"],
        url=body["html_url"],
    )
