"""What somebody may do in a repository of a registry, asked so that nothing is left: about a digest that nothing has.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md, and for tokens
https://distribution.github.io/distribution/spec/auth/token/
"""

import base64
import secrets
from enum import Enum
from typing import Any
from urllib.parse import urlencode
from urllib.request import parse_http_list, parse_keqv_list

from offline.needs.values import DELETE, PULL, PUSH, Login
from operate.doctor.http import Answer, Http, NoAnswerError

_TYPES = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# What a token is asked for.
_ACTIONS = {PULL: "pull", PUSH: "pull,push", DELETE: "delete"}


class May(Enum):
    """Whether somebody may."""

    YES, NO, UNSUPPORTED = range(3)


class OddAnswerError(Exception):
    """A registry says neither yes nor no."""


class Registry:
    """A registry as one user finds it, or everybody."""

    def __init__(self, http: Http, url: str, login: Login | None) -> None:
        self._http, self._url = http, url
        self._basic = ""
        if login:
            pair = f"{login.username}:{login.password or ''}"
            self._basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._challenge: str | None = None

    def lets_in(self) -> bool:
        """Return whether the user and the password are known. Raises NoAnswerError and OddAnswerError."""
        return not _certain(self._ask("GET", "/v2/", "")).refuses

    def has(self, repository: str, reference: str) -> Answer:
        """Ask for a manifest by tag or digest, without its content. Raises NoAnswerError and OddAnswerError."""
        return _certain(self._ask("HEAD", f"/v2/{repository}/manifests/{reference}", f"repository:{repository}:pull"))

    def may(self, action: str, repository: str) -> May:
        """Return whether the user may do something in a repository. Raises NoAnswerError and OddAnswerError."""
        scope = f"repository:{repository}:{_ACTIONS[action]}"
        if action == PULL:
            answer = self._ask("GET", f"/v2/{repository}/manifests/{_nowhere()}", scope)
        elif action == PUSH:
            # Not a begun upload, which who may not delete cannot give up either (CNCF distribution).
            answer = self._ask("PUT", f"/v2/{repository}/manifests/{_nowhere()}", scope, {})
        else:
            answer = self._ask("DELETE", f"/v2/{repository}/manifests/{_nowhere()}", scope)
        if answer.refuses:
            return May.NO
        if action == DELETE and answer.status == 405:
            return May.UNSUPPORTED
        # That no content has that digest, or there is none of it.
        if answer.status in ((201, 400, 422) if action == PUSH else (200, 202, 404)):
            return May.YES
        raise OddAnswerError(f"the registry answers {answer.status}")

    def is_empty(self, repository: str) -> bool:
        """Return whether a repository is not there, as far as the user is told."""
        try:
            return self._ask("GET", f"/v2/{repository}/tags/list?n=1", f"repository:{repository}:pull").status == 404
        except OddAnswerError:
            return False

    def _ask(self, method: str, path: str, scope: str, body: Any = None) -> Answer:
        headers = {"Accept": _TYPES} | ({"Content-Type": _MANIFEST} if body is not None else {})
        if self._challenge is None:
            self._challenge = _certain(self._http.ask("GET", f"{self._url}/v2/")).headers.get("www-authenticate", "")
        kind, _, parameters = self._challenge.partition(" ")
        if kind.lower() == "bearer":
            token = self._token(parse_keqv_list(parse_http_list(parameters)), scope)
            if isinstance(token, Answer):
                return token
            headers["Authorization"] = f"Bearer {token}"
        elif self._basic:
            headers["Authorization"] = self._basic
        return self._http.ask(method, f"{self._url}{path}", headers, body)

    def _token(self, challenge: dict[str, str], scope: str) -> str | Answer:
        """Return a token, or the answer that refuses one."""
        realm = challenge.get("realm", "")
        if self._url.startswith("https:") and not realm.startswith("https:"):
            raise NoAnswerError(f"it sends for tokens to {realm}, where passwords would be read by others")
        asked = {"service": challenge["service"]} if "service" in challenge else {}
        asked |= {"scope": scope} if scope else {}
        headers = {"Authorization": self._basic} if self._basic else {}
        answer = _certain(self._http.ask("GET", f"{realm}?{urlencode(asked)}", headers), "who makes its tokens")
        found = answer.json
        if answer.status != 200 or not isinstance(found, dict):
            return answer if answer.refuses else Answer(401, {})
        return str(found.get("token") or found.get("access_token") or "")


def _certain(answer: Answer, who: str = "the registry") -> Answer:
    """Return an answer that says something of who asked. Raises OddAnswerError for another one."""
    if answer.is_passing:
        raise OddAnswerError(f"{who} answers {answer.said}")
    return answer


def _nowhere() -> str:
    """Return a digest that nothing has."""
    return f"sha256:{secrets.token_hex(32)}"
