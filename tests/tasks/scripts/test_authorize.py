"""forge.sh: the token by which a step talks to the forge, from a file or from a GitHub App's installation."""

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox, needs_jq

pytestmark = [needs_jq, pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")]

API = "https://forge.example/api"
EXCHANGE = f"{API}/app/installations/87654321/access_tokens"
SHA = "a" * 40
RIGHTS = '{"statuses": "write"}'
ISSUED = "ghs_of-an.hour_XYZ"

# Keeps what each call is told on standard input; the exchange answers as the test says, and prints as curl does.
CURL = """
count=$(ls '{root}' | grep -c '^config-')
cat >'{root}/config-'"$count"
for url; do :; done
case $url in
*/access_tokens) {exchange} ;;
esac
"""
GIVES = "printf '%s\\n201' '{}'"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key as GitHub gives it, and its public half beside it."""
    path = tmp_path_factory.mktemp("app") / "key.pem"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", path, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-out", f"{path}.pub"], check=True, capture_output=True)
    return path


def announce(sandbox: Sandbox, key: Path, exchange: str = "", **changed: str) -> Result:
    """Run the smallest step that talks to the forge."""
    issued = json.dumps({"token": ISSUED, "permissions": json.loads(RIGHTS)}, indent=2)
    sandbox.stub("curl", CURL.format(root=sandbox.root, exchange=exchange or GIVES.format(issued)))
    env = {
        "PARAM_REPOSITORY": "acme/shop",
        "PARAM_HEAD_SHA": SHA,
        "ENVIRONMENT": "production",
        "CONTEXT_SUFFIX": "",
        "API_URL": API,
        "WAITS_FOR": "waits",
        "APP_ID": "Iv23liAbCdEf",
        "APP_INSTALLATION": "87654321",
        "APP_KEY_FILE": str(key),
        "APP_RIGHTS": RIGHTS,
    }
    return sandbox.run("announce", **env | changed)


def bearer(sandbox: Sandbox, number: int) -> str:
    text = (sandbox.root / f"config-{number}").read_text()
    assert text.startswith('header = "Authorization: Bearer ')
    assert text.endswith('"\n')
    return text.removeprefix('header = "Authorization: Bearer ').removesuffix('"\n')


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


def test_the_app_proves_who_it_is_by_a_signature_of_a_few_minutes(sandbox: Sandbox, key: Path, tmp_path: Path) -> None:
    before = int(time.time())
    result = announce(sandbox, key)
    assert result.code == 0, result.err
    claims = verified(bearer(sandbox, 0), f"{key}.pub", tmp_path)
    assert claims.keys() == {"iat", "exp", "iss"}
    assert claims["iss"] == "Iv23liAbCdEf"
    assert before - 60 <= claims["iat"] <= time.time() - 60
    assert claims["exp"] == claims["iat"] + 360, "GitHub takes no more than 600 after now"


def test_another_key_does_not_verify_it(sandbox: Sandbox, key: Path, tmp_path: Path) -> None:
    """A control of the test above."""
    announce(sandbox, key)
    subprocess.run(["openssl", "genrsa", "-out", tmp_path / "other", "2048"], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "rsa", "-in", tmp_path / "other", "-pubout", "-out", tmp_path / "other.pub"],
        check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(subprocess.CalledProcessError):
        verified(bearer(sandbox, 0), str(tmp_path / "other.pub"), tmp_path)


def test_a_token_is_asked_for_once_for_this_repository_and_these_rights(sandbox: Sandbox, key: Path) -> None:
    announce(sandbox, key)
    exchange, status = sandbox.called("curl")
    assert exchange[-1] == EXCHANGE
    assert json.loads(exchange[exchange.index("--data") + 1]) == {
        "repositories": ["shop"],
        "permissions": {"statuses": "write"},
    }
    assert status[-1] == f"{API}/repos/acme/shop/statuses/{SHA}"
    assert bearer(sandbox, 1) == ISSUED


def test_the_exchange_is_tried_again_as_other_calls_are(sandbox: Sandbox, key: Path) -> None:
    announce(sandbox, key)
    exchange, status = sandbox.called("curl")
    for call in (exchange, status):
        assert call[call.index("--retry") + 1] == "3"
        assert call[call.index("--max-time") + 1] == "20"
        assert "--retry-connrefused" in call


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("401", "its private key is not one of this App's, or the clock of this node is wrong"),
        ("403", "its installation 87654321 is suspended"),
        ("404", "it has no installation 87654321"),
        ("422", "its installation 87654321 lacks acme/shop or one of the rights"),
        ("500", "no answer that holds one"),
        ("000", "no answer that holds one"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_asks_for_nothing_more(sandbox: Sandbox, key: Path, status: str, word: str) -> None:
    result = announce(sandbox, key, exchange=f"printf '\\n{status}'; exit 22")
    assert f"error: the forge gives the GitHub App Iv23liAbCdEf no token (status {status}): {word}" in result.err
    assert len(sandbox.called("curl")) == 1
    assert result.code == 0, "it goes on: that is no reason to stop"
    assert "the forge has not been told" in result.err


@pytest.mark.parametrize("answer", ["", "{}", '{"token": null}', '"text"', "<html>Unicorn</html>"])
def test_an_answer_without_a_token_is_a_refusal(sandbox: Sandbox, key: Path, answer: str) -> None:
    result = announce(sandbox, key, exchange=GIVES.format(answer))
    assert "no token (status 201): no answer that holds one" in result.err
    assert len(sandbox.called("curl")) == 1


def test_a_key_that_does_not_sign_is_named(sandbox: Sandbox, key: Path) -> None:
    result = announce(sandbox, sandbox.file("no-key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"))
    assert "error: the private key of the GitHub App Iv23liAbCdEf does not sign" in result.err
    assert sandbox.called("curl") == []


@pytest.mark.parametrize("exchange", ["", "printf '\\n401'; exit 22"], ids=["given", "refused"])
def test_key_and_tokens_are_on_no_command_line_and_in_no_output(sandbox: Sandbox, key: Path, exchange: str) -> None:
    sandbox.stub("openssl", f"exec '{shutil.which('openssl')}' \"$@\"")
    sandbox.stub("jq", f"exec '{shutil.which('jq')}' \"$@\"")
    result = announce(sandbox, key, exchange)
    assert {call[0] for call in sandbox.calls} == {"openssl", "jq", "curl"}
    seen = json.dumps(sandbox.calls) + result.out + result.err
    jwt = bearer(sandbox, 0)
    for secret in (ISSUED, jwt, jwt.split(".")[2], *key.read_text().splitlines()):
        assert secret not in seen


def test_what_is_exchanged_is_no_file(sandbox: Sandbox, key: Path) -> None:
    """Another step of the pod could read it."""
    announce(sandbox, key)
    assert list(sandbox.work.iterdir()) == []


def test_a_token_of_a_file_is_exchanged_for_nothing(sandbox: Sandbox, key: Path) -> None:
    result = announce(sandbox, key, TOKEN_FILE=str(sandbox.file("token", "token-of-the-forge\n")))
    assert result.code == 0, result.err
    (status,) = sandbox.called("curl")
    assert status[-1].endswith(f"/statuses/{SHA}")
    assert bearer(sandbox, 0) == "token-of-the-forge"


@pytest.mark.parametrize("script", ["report", "permit", "tell"])
def test_a_step_that_gets_no_token_fails(sandbox: Sandbox, key: Path, script: str) -> None:
    """Nothing is said or permitted by a step that the forge does not know."""
    announce(sandbox, key, exchange="printf '\\n401'; exit 22")
    result = sandbox.run(
        script,
        PARAM_REPOSITORY="acme/shop",
        PARAM_BASE_BRANCH="main",
        CONTEXT_SUFFIX="",
        TOUCHES=sandbox.file("touches", "yes"),
        API_URL=API,
        APP_ID="1",
        APP_INSTALLATION="2",
        APP_KEY_FILE=key,
        APP_RIGHTS=RIGHTS,
        RESULT_PERMITTED_PATH=sandbox.root / "permitted",
    )
    assert result.code != 0
    assert "no token (status 401)" in result.err
    assert not (sandbox.root / "permitted").exists()
    assert [call[-1] for call in sandbox.called("curl")[1:]] == [f"{API}/app/installations/2/access_tokens"]
