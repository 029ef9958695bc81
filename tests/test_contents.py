"""Keys that are none are refused before a run would fail by them, and no content is repeated."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from components.credential import SSH_DIRECTORY
from components.plan import forge
from components.settings.contents import deploy_key, known_hosts, password, public_key, signing_key, token
from components.settings.errors import SettingsError
from components.settings.stack import Stack
from offline.run import placeholder, run, stack_config
from tests.support import ROOT

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
HOST = f"[forge.example]:2222 {KEY}"
PEM, SPKI = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
VALID = ROOT / "tests" / "settings" / "valid.yaml"


def generated(folder: Path, *options: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-f", folder / "key", *options], check=True)
    return folder / "key"


# OpenSSH writes ed25519 in its own form only.
KINDS = [("ed25519", None), *((kind, form) for kind in ("ecdsa", "rsa") for form in (None, "PEM", "PKCS8"))]


@pytest.mark.parametrize(("kind", "form"), KINDS)
def test_every_kind_and_form_of_key_is_taken(tmp_path: Path, kind: str, form: str | None) -> None:
    key = generated(
        tmp_path, "-t", kind, *(["-b", "2048"] if kind == "rsa" else []), "-N", "", *(["-m", form] if form else [])
    )
    assert deploy_key(key.read_text()) == ""


@pytest.mark.parametrize("form", [str, str.rstrip, lambda text: text.replace("\n", "\r\n")], ids=["whole", "no-end", "crlf"])
def test_keys_reach_ssh_in_the_form_that_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Callable[[str], str]
) -> None:
    """`pulumi config set --secret NAME < FILE` drops the last newline, without which ssh knows no key."""
    key = generated(tmp_path, "-t", "ed25519", "-N", "")
    written = form(key.read_text())
    assert deploy_key(written) == ""
    monkeypatch.setattr(pulumi.Output, "secret", lambda text: text)
    stack: list[Stack] = []
    run(
        lambda: stack.append(Stack.load(read=lambda path: placeholder(path) if "images" in path else written)),
        config=stack_config(VALID),
    )
    mounted = forge.held(stack[0])[SSH_DIRECTORY]
    assert not isinstance(mounted, tuple)
    given = tmp_path / "mounted"
    given.write_text(str(mounted["ssh-privatekey"]))
    given.chmod(0o600)
    subprocess.run(["ssh-keygen", "-y", "-f", given], check=True, capture_output=True)


@pytest.mark.parametrize("form", [None, "PEM", "PKCS8"])
def test_a_key_with_a_passphrase_is_refused(tmp_path: Path, form: str | None) -> None:
    key = generated(tmp_path, "-t", "rsa", "-b", "2048", "-N", "hush-hush", *(["-m", form] if form else []))
    assert "passphrase" in deploy_key(key.read_text())


def test_what_is_no_private_key_is_refused(tmp_path: Path) -> None:
    key = generated(tmp_path, "-t", "ed25519", "-N", "")
    for text in (key.with_suffix(".pub").read_text(), "hunter2", key.read_text()[:-40]):
        assert "no private key" in deploy_key(text)
    lines = key.read_text().splitlines()
    for damaged in (lines[1][:-1], lines[1][:-4]):
        assert "damaged" in deploy_key("\n".join([lines[0], damaged, *lines[2:]]))


def test_host_keys_are_lines_of_known_hosts() -> None:
    assert known_hosts(f"# forge\n{HOST}\n@cert-authority *.example {KEY} note\n|1|a=|b= {KEY}\n") == ""
    assert known_hosts("forge.example ssh-of-tomorrow@example.com AAAA\n") == "", "a kind that the library does not know"
    for text in ("forge.example", "# nothing\n", f"{HOST}\nSHA256:abc", "ssh-ed25519 AAAA", HOST[:-4]):
        assert "no host keys" in known_hosts(text)


def test_a_token_is_one_word() -> None:
    assert token("ghp_hunter2\n") == ""
    for text in ("", "\n", "ghp_hunter2 ghp_hunter3", "https://bot:x@forge.example\nhttps://"):
        assert "one word" in token(text)


def test_a_password_is_one_line() -> None:
    assert password("correct horse: battery\r\n") == ""
    assert "more than one line" in password("correct\nhorse")


@pytest.fixture
def wrong_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file of the valid settings, with something else in it."""
    monkeypatch.chdir(tmp_path)
    names = ["id_ed25519", "known_hosts", "forge-token", "mark.key", "mark-password"]
    for path in [".local/images/tools", ".local/images/builder", "mark.pub", *(f"secrets/{name}" for name in names)]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(placeholder(path) if "images" in path else "do-not-print-me")


def test_every_token_and_password_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header or a registry's credential of two lines is none, and nothing says so but a run that fails."""
    monkeypatch.chdir(tmp_path)

    def user(name: str) -> dict[str, object]:
        return {"username": name, "password": {"config": name}}

    everything = {
        "forge": {
            "https": {"token": {"config": "fetch"}},
            "token": {"config": "status"},
            "okToTest": {"token": {"config": "reader"}},
        },
        "registry": {"host": "registry.example"} | {name: user(f"r{name}") for name in ("read", "write", "delete")},
        "sourceRegistry": {"host": "source.example", "read": user("source")},
        "build": {
            "quarantine": {"host": "quarantine.example"} | {name: user(f"q{name}") for name in ("read", "write", "delete")},
            "builderImage": f"registry.example/x@sha256:{'0' * 64}",
        },
        "mark": {
            "publicKey": {"config": "public"},
            "privateKey": {"config": "private"},
            "password": {"config": "opens"},
        },
        "toolsImage": f"registry.example/x@sha256:{'0' * 64}",
        "environments": [{"name": "live", "deliverOn": "merge"}],
        "applications": [{"name": "shop", "repository": "acme/shop", "quarantine": user("shop")}],
    }
    secrets = set(re.findall(r'"config": "([a-z]+)"', json.dumps(everything)))
    given = {f"tekton-delivery:{name}": "two lines\nof text" for name in secrets}
    config = {
        f"tekton-delivery:{key}": json.dumps(value) if not isinstance(value, str) else value
        for key, value in everything.items()
    }
    with pytest.raises(SettingsError) as caught:
        run(lambda: (Stack.load(), None)[1], config=config | given)
    assert set(re.findall(r'\.config = "([a-z]+)"', str(caught.value))) == secrets
    assert "of text" not in str(caught.value)


def test_secrets_that_no_container_or_secret_takes_are_refused(wrong_files: None) -> None:
    """A variable ends at a NUL and has at most 128 KiB, a Secret holds 1 MiB. Files may be binary."""
    config = stack_config(VALID)
    environments = json.loads(config["tekton-delivery:environments"])
    name = json.loads(config["tekton-delivery:applications"])[0]["name"]
    held = {
        "fits": "x" * 100_000,
        "ends": "x\0y",
        "long": "x" * 100_001,
        "file": "\0x" * 500_000,
    }
    env = {key: {"config": key} for key in held if key != "file"}
    environments[0]["applications"] = {name: {"secrets": {"env": env, "files": {"file": {"config": "file"}}}}}
    given = {f"tekton-delivery:{key}": value for key, value in held.items()}
    with pytest.raises(SettingsError) as caught:
        run(
            lambda: (Stack.load(), None)[1],
            config=config | given | {"tekton-delivery:environments": json.dumps(environments)},
        )
    place = f"tekton-delivery:environments[0].applications.{name}.secrets"
    found = [line.strip() for line in str(caught.value).splitlines() if place in line]
    assert found == [
        f"{place}.env.ends: no container takes it as a variable; there is a NUL character in it",
        f"{place}.env.long: no container takes it as a variable; it is longer than 100000 characters",
        f"{place}: 1200004 bytes together, and a Secret holds 1048576; leave out what is none",
    ]


def test_the_keys_of_marks_are_cosigns() -> None:
    assert signing_key("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nabc\n-----END …\n") == ""
    pem = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes(PEM, SPKI).decode()
    assert public_key(pem) == public_key(pem.rstrip()) == ""
    assert "damaged public key" in public_key("-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n")
    assert "damaged public key" in public_key(pem.replace("M", "", 1))
    assert "cosign generate-key-pair" in signing_key("-----BEGIN PUBLIC KEY-----\nabc")
    assert "cosign.pub" in public_key("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nabc")


def test_a_stack_whose_files_hold_something_else_is_refused(wrong_files: None) -> None:
    config = stack_config(VALID)
    mark = json.loads(config["tekton-delivery:mark"]) | {"formerPublicKeys": [{"file": "mark.pub"}]}
    with pytest.raises(SettingsError) as caught:
        run(lambda: (Stack.load(), None)[1], config=config | {"tekton-delivery:mark": json.dumps(mark)})
    places = [line.split(": ")[0].strip() for line in str(caught.value).splitlines()[1:]]
    assert places == [
        'tekton-delivery:forge.ssh.privateKey.file = "secrets/id_ed25519"',
        'tekton-delivery:forge.ssh.knownHosts.file = "secrets/known_hosts"',
        'tekton-delivery:mark.privateKey.file = "secrets/mark.key"',
        'tekton-delivery:mark.publicKey.file = "mark.pub"',
        'tekton-delivery:mark.formerPublicKeys[0].file = "mark.pub"',
    ]
    assert "do-not-print-me" not in str(caught.value)
