"""Keys that `operate init` makes, host keys that it believes, and the one template of a stack file."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from nacl.secret import SecretBox

from components.settings.settings import Settings
from offline.policy import violations
from offline.render import record
from operate.errors import OperateError
from operate.init import host_keys, keys
from operate.init import stack_file as names
from tests.operate.github import HOST_KEY

IMAGE = "ghcr.io/acme/{}@sha256:" + "0" * 64
WANTED = names.Wanted(
    stack="staging",
    kind="github",
    api_url="https://api.github.com",
    ssh_url="ssh://git@github.com",
    repositories={"acme/Shop.web": "main"},
    app=None,
    key_each=True,
    kubeconfig="~/.kube/config",
    context="kind-kind",
    registry="ghcr.io/acme",
    registry_user="acme-bot",
    quarantine="ghcr.io/acme/quarantine",
    quarantine_user="quarantine-bot",
    insecure=False,
    tools_image=IMAGE.format("tools"),
    builder_image=IMAGE.format("builder"),
    environments=("staging",),
    exposure=None,
)
GITEA = replace(
    WANTED,
    kind="gitea",
    api_url="https://git.example.com/api/v1",
    ssh_url="ssh://git@git.example.com:2222",
    repositories={"acme/shop": "main", "acme/api": "main"},
    key_each=False,
    registry="registry:5000",
    quarantine="quarantine:5000",
    insecure=True,
)
BOTH = replace(
    WANTED,
    app="Iv23li",
    installations={"acme/shop": 4711},
    environments=("staging", "production"),
    exposure=("hooks.example.com", "nginx"),
)


@pytest.mark.parametrize("wanted", [WANTED, GITEA, BOTH], ids=["token", "gitea", "app"])
def test_the_template_is_a_stack_file_that_the_program_takes(wanted: names.Wanted, tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.staging.yaml"
    path.write_text(wanted.text(lambda name: {"file": f"secrets/staging/{name}"}))
    assert [f"{found.policy}: {found.message}" for found in violations(record(path))] == []
    settings = wanted.settings(lambda name: {"file": f"secrets/staging/{name}"})
    document = yaml.safe_load(path.read_text())["config"]
    assert document == {"pulumi:disable-default-providers": ["kubernetes"]} | {
        f"tekton-delivery:{key}": value for key, value in settings.items()
    }
    assert settings.keys() <= {field.alias or name for name, field in Settings.model_fields.items()}
    # A comment above each key, in one line that an editor shows whole.
    lines = path.read_text().splitlines()
    for key in settings:
        above = lines[next(at for at, line in enumerate(lines) if line.startswith(f"  tekton-delivery:{key}:")) - 1]
        assert above.startswith("  # ")
        assert len(above) <= 125
    existing = names.read(tmp_path, "staging")
    assert existing
    assert existing.repositories == tuple(wanted.repositories)
    assert (existing.kind, existing.api_url, existing.ssh_url) == (wanted.kind, wanted.api_url, wanted.ssh_url)


def test_what_sources_hold_is_looked_at_before_the_file_is_written() -> None:
    pair = keys.mark()
    values = {
        names.DEPLOY_KEY: keys.deploy_key(),
        names.HOST_KEYS: host_keys.known_hosts("ssh://git@github.com", [HOST_KEY]),
        names.TOKEN: "token",
        names.REGISTRY: "password",
        names.QUARANTINE: "another-password",
        names.MARK_KEY: pair.private,
        names.MARK_PASSWORD: pair.password,
    }
    WANTED.check(values)
    with pytest.raises(OperateError, match=r"forge\.ssh\.privateKey\.config") as refused:
        WANTED.check(values | {names.DEPLOY_KEY: "no-key-at-all"})
    assert "no-key-at-all" not in str(refused.value)


def test_several_repositories_on_github_have_a_key_each() -> None:
    several = replace(WANTED, repositories={"acme/shop": "main", "acme/api": "main"})
    settings = several.settings(lambda name: {"config": name})
    ssh = settings["forge"]["ssh"]
    assert ssh["deployKeys"] == {
        "acme/shop": {"config": "deployKey-acme.shop"},
        "acme/api": {"config": "deployKey-acme.api"},
    }
    assert "privateKey" not in ssh
    existing = names.of("staging", settings)
    assert existing.deploy_keys == ssh["deployKeys"]
    assert {"deployKey-acme.shop", "deployKey-acme.api"} <= dict(existing.sources()).keys()


def test_the_mark_key_is_of_cosigns_form() -> None:
    made = keys.mark()
    body = re.fullmatch(
        r"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n(.+)-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
        made.private,
        re.S,
    )
    assert body
    assert all(len(line) <= 64 for line in body[1].splitlines())
    envelope = json.loads(base64.b64decode(body[1]))
    salt, nonce, sealed = (
        base64.b64decode(text) for text in (envelope["kdf"]["salt"], envelope["cipher"]["nonce"], envelope["ciphertext"])
    )
    assert envelope["kdf"]["params"] == {"N": 65536, "r": 8, "p": 1}
    secret = Scrypt(salt=salt, length=32, n=65536, r=8, p=1).derive(made.password.encode())
    private = serialization.load_der_private_key(SecretBox(secret).decrypt(sealed, nonce), None)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    assert private.public_key().public_bytes(serialization.Encoding.PEM, form).decode() == made.public


def test_nothing_of_a_mark_key_is_shown() -> None:
    made = keys.mark()
    assert made.password not in repr(made)
    assert "BEGIN ENCRYPTED" not in repr(made)


def test_a_deploy_key_that_is_none_is_told() -> None:
    assert keys.public_line(keys.deploy_key()).startswith("ssh-ed25519 ")
    with pytest.raises(OperateError, match="--rotate deploy-key makes another"):
        keys.public_line("-----BEGIN OPENSSH PRIVATE KEY-----\n")


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A host that shows a key; its fingerprint."""
    stub = tmp_path / "ssh-keyscan"
    stub.write_text(f"#!/bin/sh\necho '# {tmp_path} SSH-2.0'\necho '[forge.example]:2222 {HOST_KEY}'\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return host_keys.fingerprint(HOST_KEY)


def test_a_fingerprint_is_what_openssh_shows() -> None:
    # https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints
    assert host_keys.fingerprint(HOST_KEY) == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


def test_a_host_key_is_believed_that_somebody_has_compared(shown: str) -> None:
    url = "ssh://git@forge.example:2222"
    asked: list[str] = []
    assert host_keys.scanned(url, None, lambda text: (asked.append(text), "yes")[1]) == [HOST_KEY]
    assert shown in asked[0]
    assert host_keys.scanned(url, shown, None) == [HOST_KEY]
    assert host_keys.known_hosts(url, [HOST_KEY]) == f"[forge.example]:2222 {HOST_KEY}\n"


def test_a_host_key_that_nobody_has_compared_is_refused(shown: str) -> None:
    url = "ssh://git@forge.example:2222"
    with pytest.raises(OperateError, match="were not confirmed"):
        host_keys.scanned(url, None, lambda text: "y")
    with pytest.raises(OperateError, match="nobody can be asked"):
        host_keys.scanned(url, None, None)
    with pytest.raises(OperateError, match="do not go on before you know why"):
        host_keys.scanned(url, "SHA256:other", None)
