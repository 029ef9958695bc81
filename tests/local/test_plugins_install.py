"""Which plugins are used, where they are put, and that the two kinds do not share states."""

import json
import os
import subprocess
import sys

import httpx
import pytest

from local.errors import UserError
from local.plugins import install
from local.plugins.versions import wheel_version
from local.progress import Progress

QUIET = Progress(write=lambda text: None, tty=False)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No plugins of the user's, and nothing to download."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "own"))

    def no_network(*args, **kwargs):
        raise httpx.ConnectError("no way out")

    monkeypatch.setattr(httpx, "head", no_network)


def put_official(home):
    for package in install.PACKAGES:
        folder = home / "plugins" / f"resource-{package}-v{wheel_version(package)}"
        folder.mkdir(parents=True)
        (folder / f"pulumi-resource-{package}").write_bytes(b"\x7fELF")


def binary(home, package):
    return home / "plugins" / f"resource-{package}-v{wheel_version(package)}" / f"pulumi-resource-{package}"


def test_stand_ins_are_put_where_nothing_can_be_downloaded(tmp_path):
    assert install.ensure(tmp_path / "home", QUIET) == "stand-in"
    for package in install.PACKAGES:
        assert os.access(binary(tmp_path / "home", package), os.X_OK)
    assert not (tmp_path / "own").exists(), "nothing of the stand-ins reaches the user's own home"
    assert json.loads((tmp_path / "backend" / "plugins.json").read_text()) == {"plugins": "stand-in"}


def test_installed_official_plugins_are_used(tmp_path):
    put_official(tmp_path / "own")
    assert install.ensure(tmp_path / "home", QUIET) == "official"
    assert binary(tmp_path / "home", "kubernetes").read_bytes() == b"\x7fELF"


def test_an_unfinished_download_is_not_a_plugin(tmp_path):
    put_official(tmp_path / "own")
    folder = binary(tmp_path / "own", "random").parent
    folder.with_name(folder.name + ".partial").touch()
    assert install.ensure(tmp_path / "home", QUIET) == "stand-in"


def test_states_of_the_stand_ins_keep_the_stand_ins(tmp_path):
    install.ensure(tmp_path / "home", QUIET)
    put_official(tmp_path / "own")
    assert install.ensure(tmp_path / "home", QUIET) == "stand-in"


def test_states_of_the_official_plugins_refuse_the_stand_ins(tmp_path, monkeypatch):
    put_official(tmp_path / "own")
    install.ensure(tmp_path / "home", QUIET, backend=tmp_path / "states")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "empty"))
    with pytest.raises(UserError, match=r"(?s)made with the official Pulumi plugins.*pulumi plugin install"):
        install.ensure(tmp_path / "another", QUIET, backend=tmp_path / "states")


def test_a_plugin_started_by_hand_says_what_it_is():
    ended = subprocess.run(
        [sys.executable, "-m", "local.plugins.random"], capture_output=True, text=True, check=False, cwd=install.ROOT
    )
    assert ended.returncode == 1
    assert "this is a Pulumi plugin" in ended.stderr
