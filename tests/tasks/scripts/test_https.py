"""fetch.sh over HTTPS, against git's own server: the token reaches the forge alone, and only if it is asked.

The server is without TLS here; the scheme is the only difference.
"""

import base64
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from components.tasks.git import PATH, over_https
from tests.tasks.scripts.conftest import FETCH, Result, Sandbox

TOKEN = "read-only"
LOGIN = f"Basic {base64.b64encode(f'bot:{TOKEN}'.encode()).decode()}"


class Forge:
    """A server of the repositories in a folder; `asked` holds each request's path and Authorization header."""

    def __init__(self, folder: Path, *, public: bool) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.moved_to: str | None = None
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                given = self.headers["Authorization"]
                forge.asked.append((path, given))
                if forge.moved_to:
                    self._answer(301, {"Location": forge.moved_to + self.path}, b"")
                    return
                if not public and given != LOGIN:
                    self._answer(401, {"WWW-Authenticate": 'Basic realm="forge"'}, b"")
                    return
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                env = {
                    "PATH": os.environ["PATH"],
                    "GIT_PROJECT_ROOT": str(folder),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_CONFIG_GLOBAL": "/dev/null",
                    "GIT_CONFIG_COUNT": "1",
                    "GIT_CONFIG_KEY_0": "safe.directory",
                    "GIT_CONFIG_VALUE_0": "*",
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers["Content-Type"] or "",
                    "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
                    "GIT_PROTOCOL": self.headers["Git-Protocol"] or "",
                    "REMOTE_ADDR": "127.0.0.1",
                }
                answer = subprocess.run(["git", "http-backend"], env=env, input=body, capture_output=True).stdout
                head, _, content = answer.partition(b"\r\n\r\n")
                headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
                self._answer(int(headers.pop("Status", "200")[:3]), headers, content)

            do_POST = do_GET  # noqa: N815

            def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def private(forge: Path) -> Iterator[Forge]:
    made = Forge(forge.parent, public=False)
    yield made
    made.stop()


@pytest.fixture
def public(forge: Path) -> Iterator[Forge]:
    made = Forge(forge.parent, public=True)
    yield made
    made.stop()


def fetch(
    sandbox: Sandbox, url: str, sha: str, token: str | None = TOKEN, host: str | None = None, *, alone: bool = False
) -> Result:
    """Run the step; `token` lies where the Secret would, for `host`: as git's line of it, or `alone` as others write it."""
    of_forge = host or re.sub("^(ssh|file)://.*", "http://forge.internal", url)
    env = dict(over_https(url=of_forge, authenticated=token is not None, username="bot" if alone else None).env)
    if token:
        scheme, _, rest = (host or url).partition("://")
        file = sandbox.file(".git-credentials", f"{scheme}://bot:{token}@{rest.split('/')[0]}\n")
        if alone:
            file.unlink()
            sandbox.file("token", token)
        env = {name: value.replace(PATH, str(file.parent)) for name, value in env.items()}
    asked = {"PARAM_REPOSITORY_URL": url, "PARAM_HEAD_SHA": sha, "PARAM_REF": sha}
    return sandbox.run("fetch", SOURCE=sandbox.root / "source", **env, **asked, **FETCH)


@pytest.mark.parametrize(("alone", "end"), [(False, ""), (True, ""), (True, "\n")])
def test_with_the_token_a_private_repository_is_fetched(
    sandbox: Sandbox, forge: Path, head: str, private: Forge, alone: bool, end: str
) -> None:
    result = fetch(sandbox, f"{private.url}/{forge.name}", head, TOKEN + end, alone=alone)
    assert result.code == 0, result.err
    assert (sandbox.root / "source/file").read_text() == "second"
    assert {given for _, given in private.asked} == {None, LOGIN}
    left = "".join(path.read_text(errors="replace") for path in (sandbox.root / "source").rglob("*") if path.is_file())
    assert TOKEN not in left + result.out + result.err


def test_git_does_not_write_the_token_back(sandbox: Sandbox, forge: Path, head: str, private: Forge) -> None:
    """On the cluster it cannot: it would wait for a second, and then say that something is fatal."""
    file = sandbox.root / ".git-credentials"
    # Its lock, as if somebody else were writing.
    (sandbox.root / ".git-credentials.lock").touch()
    result = fetch(sandbox, f"{private.url}/{forge.name}", head)
    assert result.code == 0
    assert "fatal" not in result.err
    assert TOKEN in file.read_text()


@pytest.mark.parametrize("token", ["wrong", None])
def test_without_the_right_one_nothing_is_fetched(
    sandbox: Sandbox, forge: Path, head: str, private: Forge, token: str | None
) -> None:
    result = fetch(sandbox, f"{private.url}/{forge.name}", head, token)
    assert result.code != 0
    expected = "Authentication failed" if token else "could not read Username"
    assert expected in result.err
    assert not (sandbox.root / "source/file").exists()


def test_a_public_repository_takes_no_token(sandbox: Sandbox, forge: Path, head: str, public: Forge) -> None:
    result = fetch(sandbox, f"{public.url}/{forge.name}", head, token=None)
    assert result.code == 0, result.err
    assert {given for _, given in public.asked} == {None}


@pytest.mark.parametrize("alone", [False, True])
def test_a_token_is_told_to_the_forge_that_it_is_for(
    sandbox: Sandbox, forge: Path, head: str, private: Forge, alone: bool
) -> None:
    result = fetch(sandbox, f"{private.url}/{forge.name}", head, host="http://forge.example/", alone=alone)
    assert result.code != 0
    assert {given for _, given in private.asked} == {None}


def test_a_forge_that_points_elsewhere_is_not_followed(
    sandbox: Sandbox, forge: Path, head: str, private: Forge, public: Forge
) -> None:
    private.moved_to = public.url
    result = fetch(sandbox, f"{private.url}/{forge.name}", head)
    assert result.code != 0
    assert public.asked == []


def test_ssh_and_files_are_no_way_to_fetch(sandbox: Sandbox, forge: Path, head: str) -> None:
    for url in (f"ssh://git@forge.internal{forge}", f"file://{forge}"):
        result = fetch(sandbox, url, head, token=None)
        assert "not allowed" in result.err
