"""Calls to Gitea's REST API: one place for credentials, errors and pages."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from local.errors import UserError

_TIMEOUT = 30.0
_PAGE = 50


class ApiError(UserError):
    """Gitea refused a call."""

    def __init__(self, what: str, status: int, reason: str) -> None:
        super().__init__(f"Cannot {what}: the forge answered {status}: {reason}")
        self.status = status
        self.reason = reason


class Api:
    """The REST API at one address, as one user."""

    def __init__(
        self,
        url: str,
        *,
        user: str = "",
        password: str = "",
        token: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Call as `user` with a password, or as whoever `token` belongs to."""
        self.url = url.rstrip("/")
        self.user = user
        self.transport = transport
        self._client = httpx.Client(
            base_url=f"{self.url}/api/v1",
            auth=httpx.BasicAuth(user, password) if password else None,
            headers={"Authorization": f"token {token}"} if token else {},
            timeout=_TIMEOUT,
            # No connection outlives its call, so a client needs no closing.
            limits=httpx.Limits(max_keepalive_connections=0),
            transport=transport,
            trust_env=False,
        )

    def call(
        self, method: str, path: str, what: str, *, json: Any = None, params: Mapping[str, str | int] | None = None
    ) -> Any:
        """The answer's JSON, None if it has none. `what` completes "Cannot …" in the error of a refusal."""
        try:
            response = self._client.request(method, path, json=json, params=params)
        except httpx.HTTPError as error:
            raise UserError(f"Cannot {what}: no answer from the forge at {self.url} ({error}).") from error
        if response.is_error:
            raise ApiError(what, response.status_code, _reason(response))
        return response.json() if response.content else None

    def find(self, path: str, what: str) -> Any:
        """What is at a path, or None if nothing is."""
        try:
            return self.call("GET", path, what)
        except ApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def all(self, path: str, what: str, params: Mapping[str, str | int] | None = None) -> Iterator[Any]:
        """Every item of a list, page by page."""
        page = 1
        while True:
            items = self.call("GET", path, what, params={**(params or {}), "page": page, "limit": _PAGE})
            yield from items
            if len(items) < _PAGE:
                return
            page += 1


def _reason(response: httpx.Response) -> str:
    """Gitea's own words: `message`, and `errors` where there are any."""
    try:
        body = response.json()
    except ValueError:
        return response.text.strip()[:300] or response.reason_phrase
    if not isinstance(body, dict):
        return str(body)
    words = [str(body["message"])] if body.get("message") else []
    words += [str(error) for error in body.get("errors") or []]
    return "; ".join(words) or str(body)
