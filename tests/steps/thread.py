"""The comments of a pull request as a forge keeps them, and what other people do to them meanwhile."""

import re
from collections.abc import Callable
from typing import Any

from tests.steps.server import Forge

ME, SOMEBODY = 7, 8


class Thread:
    """Comments by number: each one's author and text."""

    def __init__(self, forge: Forge, *, gitea: bool = False) -> None:
        self.forge, self.gitea = forge, gitea
        self.comments: dict[int, tuple[int, str]] = {}
        self.before: dict[str, list[Callable[[], Any]]] = {}
        """What somebody else does just before the next call of a method."""
        self.refuses = 0
        """The status with which comments are refused."""
        forge.says("/statuses/", {"creator": {"id": ME, "login": "reporter"}}, 201, method="POST")
        forge.answers.insert(0, self._answer)

    def add(self, author: int, body: str) -> int:
        number = max(self.comments, default=100) + 1
        self.comments[number] = author, body
        return number

    @property
    def mine(self) -> list[str]:
        return [body for author, body in self.comments.values() if author == ME]

    @property
    def written(self) -> list[str]:
        """Methods of the calls that changed something."""
        return [call.method for call in self.forge.calls if "/issues/" in call.path and call.method != "GET"]

    def _answer(self, method: str, path: str) -> tuple[int, Any] | None:
        if "/issues/" not in path:
            return None
        if self.refuses:
            return self.refuses, {}
        meanwhile = self.before.get(method) or []
        if meanwhile:
            meanwhile.pop(0)()
        body = (self.forge.calls[-1].body or {}).get("body")
        one = re.search("/issues/comments/([0-9]+)", path)
        if not one:
            if method == "POST":
                return 201, self._told(self.add(ME, body))
            return 200, self._page(path)
        number = int(one[1])
        if number not in self.comments:
            return 404, {}
        if method == "DELETE":
            del self.comments[number]
            return 204, b""
        if method == "PATCH":
            self.comments[number] = self.comments[number][0], body
        return 200, self._told(number)

    def _page(self, path: str) -> list[dict[str, Any]]:
        """GitHub has pages, Gitea answers with all of them."""
        query = re.search("per_page=([0-9]+)&page=([0-9]+)", path)
        assert query, path
        size, page = int(query[1]), int(query[2])
        numbers = sorted(self.comments)
        return [self._told(number) for number in (numbers if self.gitea else numbers[(page - 1) * size : page * size])]

    def _told(self, number: int) -> dict[str, Any]:
        author, body = self.comments[number]
        return {"id": number, "user": {"id": author, "login": "reporter" if author == ME else "mallory"}, "body": body}
