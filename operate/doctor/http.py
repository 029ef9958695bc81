"""Questions by HTTP that follow no redirection: what is asked with a password goes where the settings say."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3

from operate.kubeconfig import silence
from operate.patience import is_busy

SECONDS = 10.0
_LARGEST = 4 * 1024 * 1024


class NoAnswerError(Exception):
    """Nobody answers there, or is not believed."""


@dataclass(frozen=True)
class Answer:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    """By names in small letters."""
    body: bytes = b""

    @property
    def json(self) -> Any:
        """Its JSON; None if it has none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def refuses(self) -> bool:
        """Whether who asks may not."""
        return self.status in (401, 403) and not self.is_passing

    @property
    def is_passing(self) -> bool:
        """Whether it may be another one later: who answers is down, or limits requests, and says nothing of what was asked.

        GitHub limits by 403 as well: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
        """
        limits = self.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in self.headers
        return is_busy(self.status) or self.status == 408 or (self.status == 403 and limits)

    @property
    def said(self) -> str:
        """The status, and the answer's own message where it has one."""
        found = self.json
        message = found.get("message") if isinstance(found, dict) else None
        return f"{self.status} {message}" if isinstance(message, str) else str(self.status)


class Http:
    """Who asks."""

    def __init__(self, resolve: Mapping[str, str] | None = None, authorities: str = "") -> None:
        """`resolve` has addresses of names that are known to the cluster's pods alone; `authorities` are PEM."""
        self._resolve = dict(resolve or {})
        self._tls = ssl.create_default_context()
        if authorities:
            self._tls.load_verify_locations(cadata=authorities)

    def resolved(self, host: str) -> str | None:
        """Return the address that was named for a host."""
        return self._resolve.get(host)

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """Ask. Raises NoAnswerError."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        sent = {"User-Agent": "tekton-delivery", "Host": parts.netloc} | dict(headers or {})
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        where = parts._replace(scheme="", netloc="").geturl() or "/"
        try:
            with self._pool(parts.scheme, host, parts.port) as pool:
                found = pool.urlopen(
                    method, where, body=data, headers=sent, redirect=False, retries=False,
                    timeout=urllib3.Timeout(SECONDS), preload_content=False,
                )  # fmt: skip
                content = found.read(_LARGEST, decode_content=True)
                found.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NoAnswerError(silence(error)) from None
        return Answer(found.status, {name.lower(): value for name, value in found.headers.items()}, content)

    def _pool(self, scheme: str, host: str, port: int | None) -> urllib3.HTTPConnectionPool:
        address = self._resolve.get(host, host)
        if scheme == "http":
            return urllib3.HTTPConnectionPool(address, port)
        name = None if address == host else host
        return urllib3.HTTPSConnectionPool(address, port, ssl_context=self._tls, server_hostname=name, assert_hostname=name)
