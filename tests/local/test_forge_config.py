"""The forge's configuration file, its secrets and what it fills its repository with."""

import configparser
import json
import subprocess
from pathlib import Path

import pytest

from local.errors import UserError
from local.forge import secret_files, setup
from local.forge.config import Config


@pytest.fixture
def config() -> configparser.ConfigParser:
    text = Config(address="10.199.0.2", webhook_targets=("10.199.0.2", "10.96.0.0/16")).render()
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string("[DEFAULT]\n" + text)
    return parser


def test_every_placeholder_is_filled(config: configparser.ConfigParser) -> None:
    values = [value for section in config.values() for value in section.values()]
    assert not [value for value in values if "$" in value]


def test_urls_name_the_forge_as_pods_know_it(config: configparser.ConfigParser) -> None:
    server = config["server"]
    assert server["ROOT_URL"] == "http://forge.internal:3000/"
    assert (server["SSH_DOMAIN"], server["SSH_PORT"], server["SSH_USER"]) == ("forge.internal", "2222", "git")
    assert server["PUBLIC_URL_DETECTION"] == "never"


def test_it_listens_on_its_own_address_only(config: configparser.ConfigParser) -> None:
    assert {config["server"][key] for key in ("HTTP_ADDR", "SSH_LISTEN_HOST")} == {"10.199.0.2"}


def test_webhooks_reach_the_cluster_and_nothing_else(config: configparser.ConfigParser) -> None:
    assert config["webhook"]["ALLOWED_HOST_LIST"] == "10.199.0.2, 10.96.0.0/16"


def test_no_secret_is_in_the_file(config: configparser.ConfigParser) -> None:
    for section, key in (("security", "SECRET_KEY"), ("security", "INTERNAL_TOKEN"), ("oauth2", "JWT_SECRET")):
        assert key not in config[section]
        assert config[section][f"{key}_URI"].startswith("file:/")


def test_paths_are_those_of_the_mount_namespace(config: configparser.ConfigParser) -> None:
    paths = {config["server"][key] for key in ("APP_DATA_PATH", "STATIC_ROOT_PATH")} | {config["database"]["PATH"]}
    assert paths == {"/mnt/forge/data", "/mnt/gitea", "/mnt/forge/gitea.db"}


def test_passwords_are_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "forge.json"
    first = secret_files.ensure_passwords(path, ["admin", "alice"])
    second = secret_files.ensure_passwords(path, ["admin", "alice", "bob"])
    assert first.items() <= second.items()
    assert json.loads(path.read_text()) == second
    assert len(set(second.values())) == 3
    assert path.stat().st_mode & 0o777 == 0o600


def test_key_pair_is_made_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "ssh" / "id_ed25519"
    public = secret_files.ensure_key_pair(path, "somebody")
    assert public.startswith("ssh-ed25519 ")
    assert secret_files.ensure_key_pair(path, "somebody") == public
    assert path.stat().st_mode & 0o777 == 0o600
    derived = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, check=True).stdout
    assert derived.split()[1] == public.split()[1]


def test_a_lost_public_half_makes_a_new_pair(tmp_path: Path) -> None:
    path = tmp_path / "id_ed25519"
    public = secret_files.ensure_key_pair(path, "somebody")
    path.with_name("id_ed25519.pub").unlink()
    assert secret_files.ensure_key_pair(path, "somebody") != public


def test_missing_ssh_keygen_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="openssh-client"):
        secret_files.ensure_key_pair(tmp_path / "id_ed25519", "somebody")


def test_the_repository_begins_as_the_sample_application() -> None:
    files = setup.sample_files()
    assert {"Dockerfile", "message.txt", "render.sh", "serve.sh", "test.sh", "README.md"} == files.keys()
    assert b"registry.internal:5000/platform/base:1" in files["Dockerfile"]
