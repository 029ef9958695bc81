"""Secrets in what is quoted of logs: hidden in each form in which programs print them, by who cannot read one of them."""

import base64
import json
import re
from html import escape
from pathlib import Path
from time import process_time
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from components import credentials
from components.masks import fingerprints
from steps.masks import SHORTEST, Masks
from tests.support import CANARY, canary, record_stack, shipped_config, stack_config_text

KEY = "a-key-of-forty-characters-of-any-kind-ok"
OPENSSH = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    .decode()
)
PEM = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    .decode()
)
PASSWORD = 'Zx"9/k+Q~é7'
TOKEN = "npm_4f1C9a7E2b8D"
# What pods hold that run a pull request's code, each with what of it is the secret.
HELD = {
    "the deploy key": (OPENSSH, OPENSSH.splitlines()[2]),
    "a key of lines": (PEM, PEM.splitlines()[7]),
    "the token of git's store": (f"https://robot:{quote(PASSWORD, safe='')}@forge.example\n", PASSWORD),
    "a registry's password": (PASSWORD, PASSWORD),
    "a build secret": (f"{TOKEN}\n", TOKEN),
    "of an .npmrc": (f"//npm.example/:_authToken={TOKEN}\n", TOKEN),
    "of a .netrc": (f"machine npm.example login robot password {TOKEN}\n", TOKEN),
    "of a .netrc, of letters": ("machine npm.example login robot password only-letters", "only-letters"),
    "of a settings.xml, of letters": ("<password>only-letters</password>", "only-letters"),
    "of a pip.conf": ("[global]\nindex-url = https://robot:onlyletters@pip.example/simple\n", "onlyletters"),
    "of a settings.xml": (f"<server>\n  <id>r</id>\n  <password>{TOKEN}</password>\n</server>\n", TOKEN),
    "of a JSON file": (json.dumps({"auths": {"r.example": {"password": "only-letters"}}}, indent=1), "only-letters"),
    "of variables": ("USER=robot\nPASSWORD='only-letters'\n", "only-letters"),
}


def masks(tmp_path: Path, *secrets: str) -> Masks:
    made = tmp_path / "masks"
    made.write_text(fingerprints(secrets, KEY))
    return Masks.read(made)


def wrapped(text: str, width: int) -> str:
    encoded = base64.b64encode(text.encode()).decode()
    return "\n".join(encoded[start : start + width] for start in range(0, len(encoded), width))


FORMS = {
    "as it is": lambda file, secret: f"token: {secret}!",
    "in a word": lambda file, secret: f"x{secret}y",
    "in a URL": lambda file, secret: f"https://robot:{quote(secret, safe='')}@npm.example",
    "in JSON": lambda file, secret: json.dumps({"token": secret}),
    "in base64": lambda file, secret: base64.b64encode(secret.encode()).decode(),
    "in base64 with a newline": lambda file, secret: base64.b64encode(f"{secret}\n".encode()).decode(),
    "in a login's base64": lambda file, secret: (
        f"Authorization: Basic {base64.b64encode(f'robot:{secret}'.encode()).decode()}"
    ),
    "in base64 behind two": lambda file, secret: base64.b64encode(f"ab{secret}c".encode()).decode(),
    "in base64url": lambda file, secret: base64.urlsafe_b64encode(f"a{secret}".encode()).decode(),
    "the file": lambda file, secret: file,
    "the file in one line": lambda file, secret: " ".join(file.split("\n")),
    "the file in JSON": lambda file, secret: json.dumps(file),
    "the file in base64": lambda file, secret: base64.b64encode(file.encode()).decode(),
    "the file in lines of 76": lambda file, secret: wrapped(file, 76),
    "the file in lines of 64": lambda file, secret: wrapped(file, 64),
}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_hidden_in_each_form_in_which_it_is_printed(tmp_path: Path, held: str, form: str) -> None:
    file, secret = HELD[held]
    text = FORMS[form](file, secret)
    known, nobodys = masks(tmp_path, file), masks(tmp_path, "another secret")
    shown = "\n".join(map(known.hide, text.split("\n")))
    assert "\n".join(map(nobodys.hide, text.split("\n"))) == text, "the control"
    assert readable(shown, secret) == []


def readable(text: str, secret: str) -> list[str]:
    """Pieces of a secret that a text has, as they are and of what base64 in it says."""
    pieces = [secret[start : start + SHORTEST] for start in range(len(secret) - SHORTEST + 1)]
    decoded = ""
    for run in text.replace("-", "+").replace("_", "/").replace("(masked)", " ").split():
        for shift in range(4):
            data = run.strip("\"=.!'")[shift:]
            try:
                decoded += base64.b64decode(data[: len(data) // 4 * 4], validate=True).decode(errors="replace")
            except ValueError:
                continue
    return [piece for piece in pieces if piece in text or piece in decoded]


def test_the_search_for_pieces_finds_them() -> None:
    assert readable(TOKEN, TOKEN)
    assert readable(base64.b64encode(f"ab{TOKEN}".encode()).decode(), TOKEN)
    assert readable("nothing", TOKEN) == []


def test_what_stands_around_it_stays(tmp_path: Path) -> None:
    known = masks(tmp_path, TOKEN, PASSWORD)
    assert known.hide(f"one {TOKEN}, two {PASSWORD}{TOKEN} three") == "one (masked), two (masked)(masked) three"
    assert known.hide("nothing of it") == "nothing of it"
    assert known.hide("") == ""


@pytest.mark.parametrize("text", [TOKEN[:8], TOKEN[8:], TOKEN[::-1], " ".join(TOKEN), TOKEN.swapcase()])
def test_what_masking_does_not_see(tmp_path: Path, text: str) -> None:
    """As SECURITY.md says."""
    assert masks(tmp_path, TOKEN).hide(text) == text


def test_a_short_secret_is_not_hidden(tmp_path: Path) -> None:
    assert masks(tmp_path, "hunter2").hide("hunter2") == "hunter2"
    assert masks(tmp_path, "hunter22").hide("hunter22") == "(masked)"


def test_fingerprints_tell_no_secret_and_differ_between_stacks() -> None:
    made = fingerprints([TOKEN, PEM], KEY)
    assert TOKEN not in made
    assert readable(made, TOKEN) == []
    assert set(json.loads(made)["texts"]).isdisjoint(set(json.loads(fingerprints([TOKEN], KEY[::-1]))["texts"]) - {""})


def test_they_are_the_same_at_each_update() -> None:
    assert fingerprints([TOKEN, PEM], KEY) == fingerprints([PEM, TOKEN], KEY)


def test_more_than_a_secret_takes_is_not_masked_in_part(tmp_path: Path) -> None:
    large = "\n".join(f"line-{number}-of-a-keystore" for number in range(5000))
    assert fingerprints([large], KEY) == ""
    assert len(fingerprints([large[:40_000]], KEY)) < 1024 * 1024
    with pytest.raises(ValueError, match="Expecting value"):
        masks(tmp_path, large)


@pytest.mark.parametrize("before", range(65_520, 65_545))
def test_it_is_hidden_wherever_it_stands_in_a_long_line(before: int) -> None:
    """A line is looked at in pieces."""
    known = Masks.parse(fingerprints(["correct-horse-1", "battery-staple-2"], "key"))
    shown = known.hide(f"{'x' * before}correct-horse-1 battery-staple-2correct-horse-1y")
    assert shown == f"{'x' * before}(masked) (masked)(masked)y"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "7", '{"key": "k"}', '{"key": "k", "texts": {"a": 7}}', '{"key": "k", "texts": {"a": [7]}}']
)
def test_what_are_no_fingerprints_hides_nothing_and_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"no fingerprints|Expecting value"):
        Masks.parse(text)


def test_a_long_line_takes_no_time(tmp_path: Path) -> None:
    known, begun = masks(tmp_path, PEM, OPENSSH, TOKEN, PASSWORD), process_time()
    known.hide(f"{'x' * 65536}{TOKEN}")
    assert process_time() - begun < 2


@pytest.fixture(scope="module")
def masked() -> dict[str, set[str]]:
    """The secrets of which each stack has fingerprints made."""
    found: dict[str, set[str]] = {}
    real = credentials.fingerprints
    config = shipped_config("everything")
    # In a Secret of the cluster it is not known, and no log is quoted then.
    config["forge"]["ssh"]["deployKeys"] = {"acme/chespirito": {"file": "secrets/deploy-key"}}
    for stack in ("staging", "production", "everything"):
        kept = found.setdefault(stack, set())

        def note(secrets: Any, key: str, kept: set[str] = kept) -> str:
            kept |= set(secrets)
            return real(secrets, key)

        credentials.fingerprints = note
        try:
            record_stack(stack, read=canary, config=stack_config_text(config) if stack == "everything" else None)
        finally:
            credentials.fingerprints = real
    return found


def test_what_pods_with_pull_request_code_hold_is_masked_and_nothing_else(masked: dict[str, set[str]]) -> None:
    files = {text.strip().removeprefix(CANARY) for text in masked["everything"]}
    assert files == {
        "secrets/deploy-key",
        "secrets/bases",
        "secrets/npm-token",
        "secrets/quarantine-chespirito",
        "secrets/quarantine-write",
    }


def test_where_nothing_is_quoted_nothing_is_masked(masked: dict[str, set[str]]) -> None:
    assert masked["staging"]
    assert masked["production"] == set()


ODD = "p&ss<w>rd/x+k=9'!*(~)\u00e9"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(json.dumps(ODD, ensure_ascii=False)[1:-1], id="JSON"),
        pytest.param(ODD.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"), id="Go's JSON"),
        pytest.param(json.dumps(ODD)[1:-1].replace("/", "\\/"), id="PHP's JSON"),
        pytest.param(escape(ODD), id="HTML"),
        pytest.param(escape(ODD, quote=False), id="HTML between tags"),
        pytest.param(escape(ODD, quote=False).replace("'", "&#39;"), id="Go's HTML"),
        pytest.param(quote(ODD, safe="!'()*"), id="a browser's URL"),
        pytest.param(quote(ODD, safe="$&+,;="), id="a login in Go's URL"),
        pytest.param(quote_plus(ODD), id="a form"),
        pytest.param(re.sub("%..", lambda found: found[0].lower(), quote(ODD, safe="")), id="small digits"),
        pytest.param(ODD.replace("'", "'\\''"), id="a shell's trace"),
        pytest.param(ODD.replace("'", "\\'"), id="between single quotes"),
    ],
)
def test_a_secret_is_hidden_however_programs_spell_its_signs(tmp_path: Path, form: str) -> None:
    assert masks(tmp_path, ODD).hide(f"to {form} it") == "to (masked) it"


@pytest.mark.parametrize("auth", ["auth", "_auth"])
def test_a_login_in_base64_is_hidden_as_it_is_too(tmp_path: Path, auth: str) -> None:
    """As docker's and npm's files have it."""
    login = base64.b64encode(b"robot:only-letters").decode()
    assert masks(tmp_path, json.dumps({"r.example": {auth: login}})).hide("with only-letters.") == "with (masked)."


@pytest.mark.parametrize("token", ["ghs_16C7e42F292c6912E7710c838347Ae178B4a", "github_pat_11ABCDEFG0123456789_abcdefghij"])
def test_a_token_of_githubs_is_hidden_of_which_nobody_made_fingerprints(token: str) -> None:
    """As the minter's are: they are others every twenty minutes."""
    masks = Masks(KEY, {})
    assert (
        masks.hide(f"fatal: https://x-access-token:{token}@github.com")
        == "fatal: https://x-access-token:(masked)@github.com"
    )
    assert (
        masks.hide("ghs_short and ghx_16C7e42F292c6912E7710c838347Ae") == "ghs_short and ghx_16C7e42F292c6912E7710c838347Ae"
    )


def test_a_token_of_githubs_before_a_known_secret_keeps_neither(tmp_path: Path) -> None:
    known = tmp_path / "masks"
    known.write_text(fingerprints(["correct-horse-battery"], KEY))
    shown = Masks.read(known).hide(
        "a correct-horse-battery and ghs_16C7e42F292c6912E7710c838347Ae178B4a correct-horse-battery"
    )
    assert shown == "a (masked) and (masked) (masked)"
