"""How steps ask the forge: by a token from a file or from a GitHub App's installation, and with what answers they go on."""

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.steps.conftest import Sandbox
from tests.steps.server import AT, HANG_UP, RAW, SHA, TOKEN, Forge
from tests.tasks.scripts.conftest import Result

EXCHANGE = "/api/v1/app/installations/87654321/access_tokens"
STATUS = f"{AT}/statuses/{SHA}"
RIGHTS = '{"statuses": "write"}'
ISSUED = "ghs_of-an.hour_XYZ"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key as GitHub gives it, and its public half beside it."""
    path = tmp_path_factory.mktemp("app") / "key.pem"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", path, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-out", f"{path}.pub"], check=True, capture_output=True)
    return path


@pytest.fixture
def app(asked: Forge) -> Forge:
    """A forge that gives an App its token."""
    asked.says("/access_tokens", {"token": ISSUED, "permissions": json.loads(RIGHTS)}, 201)
    return asked


def of_app(key: Path) -> dict[str, str]:
    return {
        "APP_ID": "Iv23liAbCdEf",
        "APP_INSTALLATION": "87654321",
        "APP_INSTALLATIONS": "globex 23456789\nacme-two 3456789",
        "APP_KEY_FILE": str(key),
        "APP_RIGHTS": RIGHTS,
    }


def announce(sandbox: Sandbox, forge: Forge, **opened: str) -> Result:
    """Run the smallest step that talks to the forge."""
    env = {
        "PARAM_REPOSITORY": "acme/shop",
        "PARAM_HEAD_SHA": SHA,
        "ENVIRONMENT": "production",
        "CONTEXT_SUFFIX": "",
        "API_URL": forge.api,
        "WAITS_FOR": "waits",
    }
    return sandbox.step("announce", **env | opened)


def by_file(sandbox: Sandbox, forge: Forge) -> Result:
    return announce(sandbox, forge, TOKEN_FILE=str(sandbox.file("token", f"{TOKEN}\n")))


def decoded(part: str) -> bytes:
    assert not set(part) & set("+/=\n"), "it is base64url without padding"
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def verified(jwt: str, public_key: str, folder: Path) -> dict[str, Any]:
    """The claims of a JWT that this key signed."""
    header, claims, signature = jwt.split(".")
    (folder / "signature").write_bytes(decoded(signature))
    subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", public_key, "-signature", folder / "signature"],
        input=f"{header}.{claims}".encode(), check=True, capture_output=True,
    )  # fmt: skip
    assert json.loads(decoded(header)) == {"alg": "RS256", "typ": "JWT"}
    found: dict[str, Any] = json.loads(decoded(claims))
    return found


def test_the_app_proves_who_it_is_by_a_signature_of_a_few_minutes(
    sandbox: Sandbox, app: Forge, key: Path, tmp_path: Path
) -> None:
    before = int(time.time())
    result = announce(sandbox, app, **of_app(key))
    assert result.code == 0, result.err
    claims = verified(app.calls[0].bearer, f"{key}.pub", tmp_path)
    assert claims.keys() == {"iat", "exp", "iss"}
    assert claims["iss"] == "Iv23liAbCdEf"
    assert before - 60 <= claims["iat"] <= time.time() - 60
    assert claims["exp"] == claims["iat"] + 360, "GitHub takes no more than 600 after now"


def test_another_key_does_not_verify_it(sandbox: Sandbox, app: Forge, key: Path, tmp_path: Path) -> None:
    """A control of the test above."""
    announce(sandbox, app, **of_app(key))
    subprocess.run(["openssl", "genrsa", "-out", tmp_path / "other", "2048"], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "rsa", "-in", tmp_path / "other", "-pubout", "-out", tmp_path / "other.pub"],
        check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(subprocess.CalledProcessError):
        verified(app.calls[0].bearer, str(tmp_path / "other.pub"), tmp_path)


def test_a_token_is_asked_for_once_for_this_repository_and_these_rights(sandbox: Sandbox, app: Forge, key: Path) -> None:
    announce(sandbox, app, **of_app(key))
    exchange, status = app.calls
    assert (exchange.method, exchange.path) == ("POST", EXCHANGE)
    assert exchange.body == {"repositories": ["shop"], "permissions": {"statuses": "write"}}
    assert (status.path, status.bearer) == (STATUS, ISSUED)


@pytest.mark.parametrize(
    ("repository", "installation"),
    [("acme/shop", "87654321"), ("globex/till", "23456789"), ("GlobeX/till", "23456789"), ("glob/till", "87654321")],
)
def test_another_owners_installation_is_asked(
    sandbox: Sandbox, app: Forge, key: Path, repository: str, installation: str
) -> None:
    announce(sandbox, app, **of_app(key) | {"PARAM_REPOSITORY": repository})
    assert app.calls[0].path == EXCHANGE.replace("87654321", installation)
    assert app.calls[0].body["repositories"] == [repository.partition("/")[2]]


@pytest.mark.parametrize("part", ["/access_tokens", "/statuses/"])
@pytest.mark.parametrize("failing", [HANG_UP, 429, 500, 503], ids=["hangs up", "429", "500", "503"])
def test_the_exchange_is_tried_again_as_other_calls_are(
    sandbox: Sandbox, app: Forge, key: Path, part: str, failing: int
) -> None:
    app.says(part, {}, failing, times=3)
    result = announce(sandbox, app, **of_app(key))
    assert (result.code, result.err) == (0, "")
    assert [part in call.path for call in app.calls].count(True) == 4
    assert app.waited == [1, 2, 4]


@pytest.mark.parametrize("failing", [HANG_UP, 503], ids=["hangs up", "503"])
def test_four_times_is_enough(sandbox: Sandbox, asked: Forge, failing: int) -> None:
    asked.says("/statuses/", {}, failing)
    assert "has not been told" in by_file(sandbox, asked).err
    assert len(asked.calls) == 4


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (401, "its private key is not one of this App's, or the clock of this node is wrong"),
        (403, "its installation 87654321 is suspended, or has asked too often"),
        (404, "it has no installation 87654321"),
        (422, "its installation 87654321 lacks acme/shop or one of the rights"),
        (501, "no answer that holds one"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_asks_for_nothing_more(
    sandbox: Sandbox, asked: Forge, key: Path, status: int, word: str
) -> None:
    asked.says("/access_tokens", {"token": ISSUED}, status)
    result = announce(sandbox, asked, **of_app(key))
    assert f"error: the forge gives the GitHub App Iv23liAbCdEf no token (status {status:03}): {word}" in result.err
    assert {call.path for call in asked.calls} == {EXCHANGE}
    assert len(asked.calls) == 1
    assert result.code == 0, "it goes on: that is no reason to stop"
    assert "the forge has not been told" in result.err


@pytest.mark.parametrize(
    ("status", "answer", "word"),
    [
        (HANG_UP, None, "does not answer: Remote end closed connection without response"),
        (503, None, "answers 503"),
        (RAW, b"HTTP/1.1 403 No\r\nRetry-After: 900\r\n\r\n", "answers 403, and wants to be asked in 900 s again"),
    ],
)
def test_what_no_app_is_to_blame_for_is_told_as_it_is(
    sandbox: Sandbox, asked: Forge, key: Path, status: int, answer: bytes | None, word: str
) -> None:
    asked.says("/access_tokens", answer, status)
    assert f"error: {asked.url}{EXCHANGE} {word}" in announce(sandbox, asked, **of_app(key)).err


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b'{"token": null}', b'"text"', b"<html>Unicorn</html>", b'{"token": "a\\r\\nX: b"}']
)
def test_an_answer_without_a_token_is_a_refusal(sandbox: Sandbox, asked: Forge, key: Path, answer: bytes) -> None:
    asked.says("/access_tokens", answer, 201)
    result = announce(sandbox, asked, **of_app(key))
    assert "no token (status 201): no answer that holds one" in result.err
    assert len(asked.calls) == 1


def test_a_key_that_does_not_sign_is_named(sandbox: Sandbox, app: Forge) -> None:
    key = sandbox.file("no-key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n")
    result = announce(sandbox, app, **of_app(key))
    assert "error: the private key of the GitHub App Iv23liAbCdEf does not sign" in result.err
    assert app.calls == []


@pytest.mark.parametrize("status", [201, 401], ids=["given", "refused"])
def test_key_and_tokens_are_on_no_command_line_and_in_no_output(
    sandbox: Sandbox, app: Forge, key: Path, status: int
) -> None:
    sandbox.stub("openssl", f"exec '{shutil.which('openssl')}' \"$@\"")
    app.says("/access_tokens", {"token": ISSUED}, status)
    result = announce(sandbox, app, **of_app(key))
    assert {call[0] for call in sandbox.calls} == {"openssl"}
    seen = json.dumps(sandbox.calls) + result.out + result.err
    jwt = app.calls[0].bearer
    for secret in (ISSUED, jwt, jwt.split(".")[2], *key.read_text().splitlines()):
        assert secret not in seen


def test_what_is_exchanged_is_no_file(sandbox: Sandbox, app: Forge, key: Path) -> None:
    """Another step of the pod could read it."""
    announce(sandbox, app, **of_app(key))
    assert list(sandbox.work.iterdir()) == []


def test_a_token_of_a_file_is_exchanged_for_nothing(sandbox: Sandbox, asked: Forge) -> None:
    result = by_file(sandbox, asked)
    assert result.code == 0, result.err
    (status,) = asked.calls
    assert (status.path, status.bearer) == (STATUS, TOKEN)


@pytest.mark.parametrize("step", ["report", "permit", "moved"])
def test_a_step_that_gets_no_token_fails(sandbox: Sandbox, asked: Forge, key: Path, step: str) -> None:
    """Nothing is said or permitted by a step that the forge does not know."""
    asked.says("/access_tokens", {}, 401)
    result = sandbox.step(
        step,
        **of_app(key),
        **dict.fromkeys(
            ("PARAM_HEAD_SHA", "ENVIRONMENT", "PARAM_RUN", "PARAM_STATUS", "NAMESPACE", "UNTRUSTED_ACCOUNT", "FETCH_STEP",
             "AFTER_MERGE", "CONTEXT_SUFFIX", "PARAM_PULL_REQUEST", "PARAM_COMMENTER", "PARAM_COMMENT", "PARAM_PATHS",
             "PARAM_BEFORE", "PARAM_AFTER", "PARAM_REPOSITORY_URL"),
            "",
        ),
        RESULT_UNTOLD_PATH=sandbox.root / "untold",
        PARAM_REPOSITORY="acme/shop",
        PARAM_BASE_BRANCH="main",
        API_URL=asked.api,
        KUBERNETES_SERVICE_HOST="127.0.0.1",
        KUBERNETES_SERVICE_PORT="1",
        API_ACCESS=sandbox.root,
        SCRATCH=sandbox.root,
        RESULT_PERMITTED_PATH=sandbox.root / "permitted",
        RESULT_REASON_PATH=sandbox.root / "reason",
    )  # fmt: skip
    assert result.code != 0
    assert "no token (status 401)" in result.err
    assert not (sandbox.root / "permitted").exists()
    assert [call.path for call in asked.calls] == [EXCHANGE]


def test_the_forge_hears_who_asks_and_what_it_is_told(sandbox: Sandbox, asked: Forge) -> None:
    """GitHub answers nobody without a User-Agent."""
    by_file(sandbox, asked)
    headers = asked.calls[0].headers
    assert headers["User-Agent"] == "tekton-delivery"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_forge_that_points_elsewhere_is_not_followed(sandbox: Sandbox, asked: Forge, status: int) -> None:
    """The token is for it alone."""
    asked.says("/statuses/", {}, status)
    assert f"answers {status}, a redirect to " in by_file(sandbox, asked).err
    assert [call.path for call in asked.calls] == [STATUS]


@pytest.mark.parametrize("text", [None, "", "two words", "a\nb", "caf\u00e9"])
def test_a_file_without_a_token_is_named_and_not_shown(sandbox: Sandbox, asked: Forge, text: str | None) -> None:
    file = sandbox.root / "absent" if text is None else sandbox.file("token", text)
    result = announce(sandbox, asked, TOKEN_FILE=str(file))
    assert result.err == f"error: {file} holds no token\nthe forge has not been told\n"
    assert asked.calls == []


def test_an_answer_that_is_too_slow_is_none(sandbox: Sandbox, asked: Forge) -> None:
    asked.says("/statuses/", b"x" * 3_000_000)
    with mock.patch("steps.forge._SECONDS", 0.0001):
        assert "does not answer: timed out" in by_file(sandbox, asked).err


def test_an_answer_that_was_cut_off_is_none(sandbox: Sandbox, asked: Forge) -> None:
    asked.says("/statuses/", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", RAW)
    assert "does not answer: the answer was cut off" in by_file(sandbox, asked).err
