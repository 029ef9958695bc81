"""The forge's REST API: GitHub and Gitea share path and body. By a token, or one that a GitHub App gets."""

import base64
import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from steps.deadline import connection, within
from steps.inputs import StepError, given
from steps.run import run
from steps.text import compact, parsed
from steps.trust import Trust

# Whoever may open pull requests writes what the forge says: an answer of more than this is none. What Python
# makes of it takes eight times as much, where it has emoji, and a step has 256 MiB.
_LARGEST = 8 * 1024 * 1024
_SECONDS = 20.0
_ATTEMPTS = 4
# What is worth asking again, and how long a forge may have a step wait before it.
_BUSY, _PATIENCE = (408, 429, 500, 502, 503, 504), 60.0
# The same for what nobody waits for: it is told again as the run ends, and later.
_HURRIED_ATTEMPTS, _HURRIED_PATIENCE = 2, 2.0
# By which GitHub also answers who asks too often, with a word about when to come back.
_REFUSED = 403
_TOKEN = re.compile("[!-~]+")
# What a GitHub App gets: `ghs_` and 36 characters, or `ghs_APPID_JWT` of about 520: as RFC 6750 (2.1) has it, in 4 KiB.
_EXCHANGED = re.compile("(?=.{1,4096}$)[A-Za-z0-9._~+/-]+=*", re.ASCII)
# What the tools image believes by itself.
_SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")
_PEER = "forge-api"


class ForgeError(StepError):
    """What the forge refused, or that it does not answer."""

    def __init__(self, text: str, status: int = 0, *, passing: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.passing = passing
        """Whether it may be another answer later: the forge is down, or has been asked too often."""

    @property
    def forbids(self) -> bool:
        """Whether it may be a right that is missing: forges say of some that what nobody may see is not there."""
        return not self.passing and self.status in (401, 403, 404)


class NoJsonError(ForgeError):
    """An answer that says nothing."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token that a Secret holds."""

    file: Path = given("TOKEN_FILE")


@dataclass(frozen=True, kw_only=True)
class App:
    """A GitHub App, whose installation gives a token for an hour, for one repository and what a step does there."""

    id: str = given("APP_ID")
    installation: str = given("APP_INSTALLATION")
    installations: tuple[str, ...] = given("APP_INSTALLATIONS")
    """Those of other owners, e.g. `globex 23456789`."""
    key: Path = given("APP_KEY_FILE")
    rights: str = given("APP_RIGHTS")


@dataclass(frozen=True, kw_only=True)
class Api:
    """Where the forge answers, about which repository it is asked, and what opens it."""

    url: str = given("API_URL")
    repository: str = given("PARAM_REPOSITORY")
    token: Token | None
    app: App | None
    trust: Trust | None


class Forge:
    """A client for what steps ask and tell."""

    def __init__(self, api: Api, *, hurried: bool = False) -> None:
        """`hurried` for what is told another time where the forge does not answer at once."""
        self._api, self._url = api, urlsplit(api.url)
        self._attempts = _HURRIED_ATTEMPTS if hurried else _ATTEMPTS
        self._patience = _HURRIED_PATIENCE if hurried else _PATIENCE
        self._repository = f"/repos/{api.repository}"
        self._tls: ssl.SSLContext | None = None
        self._kept: HTTPConnection | None = None
        self._token = ""

    def __enter__(self) -> "Forge":
        """Find the token. Raises ForgeError."""
        if self._url.scheme == "https":
            self._tls = _believing(self._api.trust)
        try:
            if self._api.token:
                self._token = _read(self._api.token.file)
            elif self._api.app:
                self._token = self.exchanged(self._api.app)["token"]
        except ForgeError:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._kept:
            self._kept.close()

    def get(self, path: str) -> Any:
        """Return what the forge says about the repository at a path below it. Raises ForgeError."""
        text = self._request("GET", self._repository + path, self._token).decode("utf-8", "replace")
        try:
            return parsed(text)
        except ValueError as error:
            raise NoJsonError(f"{self._shown(self._repository + path)} answers no JSON") from error

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Tell the forge something, and return what it has made of it, or None. Raises ForgeError."""
        return self._told("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change something, and return what it is then, or None. Raises ForgeError."""
        return self._told("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Delete something. Raises ForgeError."""
        self._request("DELETE", self._repository + path, self._token)

    def _told(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        answer = self._request(method, self._repository + path, self._token, body)
        try:
            return parsed(answer.decode("utf-8", "replace"))
        except ValueError:
            return None

    def exchanged(self, app: App) -> dict[str, Any]:
        """Return what an App's installation gives for the repository: a `token` and more. Raises ForgeError."""
        repository = self._api.repository
        wanted = {"repositories": [repository.partition("/")[2]], "permissions": json.loads(app.rights)}
        installation, status = _installation(app, repository), 201
        try:
            answer = self._request("POST", f"/app/installations/{installation}/access_tokens", jwt(app), wanted)
            made: dict[str, Any] = parsed(answer.decode())
            _formed(made["token"], _EXCHANGED)
            return made
        except ForgeError as error:
            if error.passing or error.status < 400:
                raise  # nothing of the App's is wrong
            status = error.status
        except (ValueError, TypeError, KeyError):
            pass
        why = {
            401: "its private key is not one of this App's, or the clock of this node is wrong",
            403: f"its installation {installation} is suspended, or has asked too often",
            404: f"it has no installation {installation}",
            422: f"its installation {installation} lacks {repository} or one of the rights {app.rights}",
        }.get(status, "no answer that holds one")
        raise ForgeError(f"the forge gives the GitHub App {app.id} no token (status {status:03}): {why}")

    def _request(self, method: str, path: str, token: str, body: Mapping[str, Any] | None = None) -> bytearray:
        """Ask, and again where there was no answer or the forge has too much to do. Redirects are not followed."""
        data = None if body is None else compact(body).encode()
        for left in range(self._attempts - 1, -1, -1):
            wait = 2.0 ** (self._attempts - 1 - left)
            try:
                status, answer, after, to = self._exchange(method, path, token, data)
            except ssl.SSLCertVerificationError as error:
                raise ForgeError(f"{self._shown(path)} is not believed: {error.verify_message}") from error
            except (OSError, HTTPException) as error:
                if not left:
                    told = f"{self._shown(path)} does not answer: {error or type(error).__name__}"
                    raise ForgeError(told, passing=True) from error
            else:
                if status < 300:
                    return answer
                busy = status in _BUSY or (status == _REFUSED and after is not None)
                if not left or not busy:
                    raise ForgeError(f"{self._shown(path)} answers {status}{_redirect(to)}", status, passing=busy)
                wait = wait if after is None else after
                if wait > self._patience:
                    told = f"{self._shown(path)} answers {status}, and wants to be asked in {wait:.0f} s again"
                    raise ForgeError(told, status, passing=True)
            time.sleep(wait)
        raise AssertionError

    def _exchange(self, method: str, path: str, token: str, data: bytes | None) -> tuple[int, bytearray, float | None, str]:
        made, self._kept = self._kept or connection(self._url, self._tls), None
        try:
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": "tekton-delivery"}
            headers |= {"Content-Type": "application/json"} if data is not None else {}
            with within(made, _SECONDS, self._tls):
                made.request(method, self._url.path.rstrip("/") + path, body=data, headers=headers)
                response = made.getresponse()
                answer = self._read(response, path)
        except BaseException:
            made.close()
            raise
        if not response.will_close:
            self._kept = made
        return response.status, answer, _wait(response.headers), response.headers.get("Location") or ""

    def _read(self, response: HTTPResponse, path: str) -> bytearray:
        """Read an answer that is no larger than it may be."""
        found = bytearray()
        while chunk := response.read1(1 << 20):
            found += chunk
            if len(found) > _LARGEST:
                raise ForgeError(f"{self._shown(path)} answers more than {_LARGEST} bytes")
        if response.length:
            raise ConnectionError("the answer was cut off")
        response.close()
        return found

    def _shown(self, path: str) -> str:
        return f"{self._url.scheme}://{self._url.netloc}{self._url.path.rstrip('/')}{path}"


def _wait(headers: Message) -> float | None:
    """Return in how many seconds a forge wants to be asked again; None where it does not say.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    after, reset = headers.get("Retry-After") or "", headers.get("X-RateLimit-Reset") or ""
    if after.isdecimal():
        return float(after)
    spent = headers.get("X-RateLimit-Remaining") == "0" and reset.isdecimal()
    return max(1.0, float(reset) - time.time()) if spent else None


def _redirect(to: str) -> str:
    """Return what is told of a redirect: where it goes, without a query, and what may be wrong with the address."""
    likely = '"http:" in place of "https:", no "/api/v3" (GitHub Enterprise Server) or "/api/v1" (Gitea), a former host'
    where = f", a redirect to {to.partition('?')[0][:200]}, which is not followed; see to forge.apiUrl: {likely}"
    return where if to else ""


def _believing(trust: Trust | None) -> ssl.SSLContext:
    made = ssl.create_default_context()
    believed = [trust.system, trust.bundle] if trust and _PEER in trust.peers else [_SYSTEM] if _SYSTEM.exists() else []
    for file in believed:
        try:
            made.load_verify_locations(file)
        except OSError as error:
            raise ForgeError(f"{file} holds no certificates") from error
    return made


def _read(file: Path) -> str:
    try:
        return _formed(file.read_text().strip())
    except (OSError, ValueError) as error:
        raise ForgeError(f"{file} holds no token") from error


def _formed(token: str, form: re.Pattern[str] = _TOKEN) -> str:
    """Return a token, of which nothing would end a header's line. Raises ValueError, or TypeError."""
    if form.fullmatch(token):
        return token
    raise ValueError


def _installation(app: App, repository: str) -> str:
    """Return the number of the App's installation where a repository is."""
    owner = repository.partition("/")[0].lower()
    of_owners = (each.split(" ") for each in app.installations)
    return next((number for name, number in of_owners if name == owner), app.installation)


def jwt(app: App) -> str:
    """Return by what an App proves who it is: https://docs.github.com/en/apps/creating-github-apps

    It begins a minute ago and ends within the 10 minutes that GitHub allows, for clocks that differ.
    """
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 300, "iss": app.id}
    signed = f"{_base64url(compact({'alg': 'RS256', 'typ': 'JWT'}))}.{_base64url(compact(claims))}"
    done = run(["openssl", "dgst", "-sha256", "-sign", str(app.key)], {}, told=signed.encode())
    if done.code or not done.out:
        raise ForgeError(f"the private key of the GitHub App {app.id} does not sign")
    return f"{signed}.{_base64url(done.out)}"


def _base64url(value: str | bytes) -> str:
    return base64.urlsafe_b64encode(value.encode() if isinstance(value, str) else value).rstrip(b"=").decode()
