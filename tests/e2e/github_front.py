"""What GitHub has and Gitea has not: Apps and deployments.

A front that gives an installation's tokens, keeps deployments, and hands the rest on to Gitea, git's fetches included. What
GitHub's published models do not take of a body it refuses.
"""

import base64
import contextlib
import json
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx

from local.cluster.network import Namespace
from local.forge.setup import READER, REPOSITORY
from local.machine import Machine
from tests.github_models import COMMENT, DEPLOYMENT, DEPLOYMENT_STATUS, STATUS

APP, INSTALLATION = "Iv23liTestOfTheApp", 4711
# What the App was given when it was installed.
GRANTED = {
    "contents": "read",
    "deployments": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
READS = {"contents": "read"}
# Who sets statuses, and who writes the comment.
USER = "reporter-staging"
PREFIX = f"/api/v1/repos/{REPOSITORY}/"


@dataclass
class Front:
    """The front as a test sees it."""

    machine: Machine
    public_key: Path
    """That of the App; another one, and its signature is a forgery."""
    url: str = ""
    refused: list[int] = field(default_factory=list)
    """Status of each refused exchange."""
    issued: dict[str, dict[str, str]] = field(default_factory=dict)
    """Tokens, and what they may do."""
    calls: list[tuple[tuple[str, ...], str, str]] = field(default_factory=list)
    """Rights of the token, method and path below the repository, for each call that was taken."""
    fetches: list[tuple[str, int]] = field(default_factory=list)
    """git's service and the answer, for each of its calls that brought a token."""
    deployments: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What was created, by number; `statuses` are what was said of it, oldest first."""
    down: int | None = None
    """What everything is answered while the forge is down: a status, or 0 for a connection that is cut off."""
    asked_while_down: int = 0
    mistakes: list[str] = field(default_factory=list)
    """What GitHub takes in no body."""
    _made: list[tuple[str, str]] = field(default_factory=list)

    def exchange(self, path: str, jwt: str, wanted: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """GitHub's answer to an App that asks for a token."""
        now, claims = time.time(), self._claims(jwt)
        right = claims and claims["iss"] == APP and claims["iat"] <= now < claims["exp"] <= now + 600
        if not claims or not right:
            return 401, {"message": "A JSON web token could not be decoded"}
        if path != f"/api/v1/app/installations/{INSTALLATION}/access_tokens":
            return 404, {"message": "Not Found"}
        rights = wanted["permissions"]
        if wanted["repositories"] != [REPOSITORY.partition("/")[2]] or not all(
            _includes(GRANTED, *right) for right in rights.items()
        ):
            return 422, {"message": "The permissions requested are not granted to this installation."}
        # Gitea has no narrower ones: of a user who may set statuses, and of one who may see who may write.
        writes = "write" in rights.values()
        user, scopes = (USER, ["write:repository", "write:issue"]) if writes else (READER, ["read:repository", "read:issue"])
        scopes = scopes[:1] if rights == READS else scopes
        name = f"front-{uuid.uuid4().hex[:8]}"
        token = self.machine.forge.admin.new_token(user, name, scopes)
        self._made.append((user, name))
        self.issued[token] = rights
        # https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
        return 201, {
            "token": token,
            "expires_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 3600)),
            "permissions": {"metadata": "read"} | rights,
            "repository_selection": "selected",
            "repositories": [{"id": 1, "name": wanted["repositories"][0], "full_name": REPOSITORY}],
        }

    @property
    def fetching(self) -> list[str]:
        """The tokens that read contents and do nothing else, the first one first."""
        return [token for token, rights in self.issued.items() if rights == READS]

    def git(self, path: str, login: str | None) -> int | None:
        """The status by which GitHub keeps git out; None where it does not."""
        if not login:
            return 401
        service = "git-receive-pack" if "git-receive-pack" in path else "git-upload-pack"
        user, _, token = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")
        level = "write" if service == "git-receive-pack" else "read"
        right = user == "x-access-token" and token in self.issued
        status = 401 if not right else None if _includes(self.issued[token], "contents", level) else 403
        self.fetches.append((service, status or 200))
        return status

    def _claims(self, jwt: str) -> dict[str, Any] | None:
        """What a token says that the App's key signed."""
        signed, _, signature = jwt.rpartition(".")
        with tempfile.NamedTemporaryFile() as file:
            file.write(_decoded(signature))
            file.flush()
            command = ["openssl", "dgst", "-sha256", "-verify", self.public_key, "-signature", file.name]
            if subprocess.run(command, input=signed.encode(), capture_output=True).returncode != 0:
                return None
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        return claims if header == {"alg": "RS256", "typ": "JWT"} else None

    def may(self, token: str, method: str, path: str) -> bool:
        """Whether a token's rights are what GitHub asks for this call."""
        below = path.removeprefix(PREFIX).partition("?")[0].split("/")
        match method, *below:
            case "POST", "statuses", _:
                needed = ("statuses", "write")
            case "GET", "commits", _, "status":
                needed = ("statuses", "write")  # which is more than to read them
            case "GET", "commits", _, "statuses":
                needed = ("statuses", "write")
            case "GET", "issues", *_:
                needed = ("pull_requests", "read")
            case ("POST", "issues", _, "comments") | ("PATCH" | "DELETE", "issues", "comments", _):
                needed = ("pull_requests", "write")
            case (("GET" | "POST"), "deployments", *_):
                needed = ("deployments", "write")
            case "GET", "pulls", *_:
                needed = ("pull_requests", "read")
            case "GET", "collaborators", _, "permission":
                needed = ("metadata", "read")
            case _:
                return False
        return path.startswith(PREFIX) and _includes(self.issued[token], *needed)

    def takes(self, method: str, path: str, body: dict[str, Any]) -> bool:
        """Whether GitHub takes a body."""
        match method, *path.removeprefix(PREFIX).partition("?")[0].split("/"):
            case "POST", "statuses", _:
                model = STATUS
            case ("POST", "issues", _, "comments") | ("PATCH", "issues", "comments", _):
                model = COMMENT
            case "POST", "deployments":
                model = DEPLOYMENT
            case "POST", "deployments", _, "statuses":
                model = DEPLOYMENT_STATUS
            case _:
                return True
        self.mistakes += model.mistakes(body)
        return model.mistakes(body) == []

    def deploy(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """GitHub's answer about deployments."""
        below, _, query = path.removeprefix(PREFIX).partition("?")
        match method, *below.split("/"):
            case "POST", "deployments":
                number = len(self.deployments) + 1
                creator = self.machine.forge.admin.call("GET", f"/users/{USER}", f"read {USER}")
                made = body | {"id": number, "sha": body["ref"], "creator": {"id": creator["id"]}, "statuses": []}
                made["created_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                self.deployments[number] = made
                return 201, made
            case "POST", "deployments", number, "statuses":
                self.deployments[int(number)]["statuses"].append(body)
                return 201, body
            case "GET", "deployments", number, "statuses":
                return 200, self.deployments[int(number)]["statuses"][::-1]
        environment = parse_qs(query)["environment"][0]
        return 200, [each for each in reversed(self.deployments.values()) if each["environment"] == environment]

    def withdraw(self) -> None:
        """Delete the tokens that were made on Gitea."""
        for user, name in self._made:
            self.machine.forge.admin.call("DELETE", f"/users/{user}/tokens/{name}", f"delete the token {name}")


def _includes(rights: Mapping[str, str], name: str, level: str) -> bool:
    """Whether rights hold one: who may write may read."""
    return rights.get(name) in (level, "write")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@contextlib.contextmanager
def cut_off(front: Front, answer: int) -> Iterator[None]:
    """Have the forge's API down meanwhile. git and webhooks go past the front."""
    front.down, front.asked_while_down = answer, 0
    try:
        yield
    finally:
        front.down = None
    assert front.asked_while_down, "nobody has asked it"


@contextlib.contextmanager
def front(machine: Machine, public_key: Path) -> Iterator[Front]:
    """Run the front at the node's address: pods reach nothing else of this machine."""
    made = Front(machine, public_key)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.handle_call()

        def do_GET(self) -> None:
            self.handle_call()

        do_PATCH = do_DELETE = do_POST  # noqa: N815

        def handle_git(self) -> None:
            status = made.git(self.path, self.headers["Authorization"])
            if status:
                self.reply(status, b"", **({"WWW-Authenticate": 'Basic realm="GitHub"'} if status == 401 else {}))
                return
            names = ("Authorization", "Content-Type", "Content-Encoding", "Git-Protocol")
            headers = {name: self.headers[name] for name in names if self.headers[name]}
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            url = f"{machine.forge.url}{self.path}"
            passed = httpx.request(self.command, url, content=body, headers=headers, timeout=20, trust_env=False)
            self.reply(passed.status_code, passed.content, **{"Content-Type": passed.headers["Content-Type"]})

        def handle_call(self) -> None:
            if self.path.startswith(f"/{REPOSITORY}.git/"):
                self.handle_git()
                return
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            bearer = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            if made.down is not None:
                made.asked_while_down += 1
                self.close_connection = True
                if made.down:
                    self.reply(made.down, b'{"message": "You have exceeded a rate limit."}')
            elif self.path.startswith("/api/v1/app/"):
                status, answer = made.exchange(self.path, bearer, json.loads(body))
                if status != 201:
                    made.refused.append(status)
                self.reply(status, json.dumps(answer).encode())
            elif bearer not in made.issued:
                self.reply(401, b'{"message": "Bad credentials"}')
            elif not made.may(bearer, self.command, self.path):
                self.reply(403, b'{"message": "Resource not accessible by integration"}')
            elif not made.takes(self.command, self.path, json.loads(body or b"null")):
                self.reply(422, b'{"message": "Invalid request."}')
            else:
                below = self.path.removeprefix(PREFIX)
                made.calls.append((tuple(sorted(made.issued[bearer])), self.command, below.partition("?")[0]))
                if below.startswith("deployments"):
                    status, answer = made.deploy(self.command, self.path, json.loads(body or b"null"))
                    self.reply(status, json.dumps(answer).encode())
                    return
                headers = {"Authorization": self.headers["Authorization"], "Content-Type": "application/json"}
                url = f"{machine.forge.url}{self.path}"
                passed = httpx.request(self.command, url, content=body, headers=headers, timeout=20, trust_env=False)
                self.reply(passed.status_code, passed.content)

        def reply(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    address = (machine.cluster.node_ip, 0)
    # A socket stays in the network namespace that it was made in.
    server = Namespace(machine.cluster.layout.id).call(lambda: ThreadingHTTPServer(address, Handler))
    made.url = f"http://{machine.cluster.node_ip}:{server.server_port}/api/v1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        made.withdraw()
