"""Which plugins are used, where they are put, and that the two kinds of random plugins do not share states."""

import json
import os
import subprocess
import sys

import httpx
import pytest

from local import tools
from local.errors import UserError
from local.plugins import install
from local.plugins.versions import wheel_version
from local.progress import Progress

QUIET = Progress(write=lambda text: None, tty=False)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No plugins of the user's, nothing to download, nothing compiled."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "own"))
    monkeypatch.setattr(tools, "compiled", lambda name: False)

    def no_network(*args, **kwargs):
        raise httpx.ConnectError("no way out")

    monkeypatch.setattr(httpx, "head", no_network)


def put_official(home):
    for package in (install.KUBERNETES, install.RANDOM):
        binary(home, package).parent.mkdir(parents=True)
        binary(home, package).write_bytes(b"\x7fELF")


def binary(home, package):
    return home / "plugins" / f"resource-{package}-v{wheel_version(package)}" / f"pulumi-resource-{package}"


def ensure_kubernetes(home, compiled=None):
    return install.ensure_kubernetes(home, QUIET, "pulumi", compiled)


def test_the_kubernetes_plugin_is_compiled_where_it_cannot_be_had(tmp_path):
    assert install.needed_tools(tmp_path / "home") == (install.TOOL,)
    compiled = tmp_path / "tool"
    compiled.mkdir()
    (compiled / "pulumi-resource-kubernetes").write_text("#!/bin/sh\necho compiled $1\n")
    (compiled / "pulumi-resource-kubernetes").chmod(0o755)
    assert ensure_kubernetes(tmp_path / "home", compiled) == "kubernetes plugin built here"
    launcher = binary(tmp_path / "home", "kubernetes")
    assert subprocess.run([launcher, "address"], capture_output=True, text=True, check=True).stdout == "compiled address\n"
    # What this module wrote is not taken for the user's own at the next start.
    assert install.needed_tools(tmp_path / "home") == (install.TOOL,)


def test_an_installed_official_plugin_is_used_and_nothing_compiled(tmp_path):
    put_official(tmp_path / "own")
    assert install.needed_tools(tmp_path / "home") == ()
    assert ensure_kubernetes(tmp_path / "home") == "your own kubernetes plugin"
    assert binary(tmp_path / "home", "kubernetes").read_bytes() == b"\x7fELF"


def test_what_is_compiled_already_is_not_asked_for_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "compiled", lambda name: True)
    monkeypatch.setattr(httpx, "head", lambda *args, **kwargs: pytest.fail("asked"))
    assert install.needed_tools(tmp_path / "home") == (install.TOOL,)


def test_a_plugin_that_could_not_be_downloaded_after_all_is_compiled(tmp_path, monkeypatch):
    answer = httpx.Response(200)
    monkeypatch.setattr(httpx, "head", lambda *args, **kwargs: answer)
    monkeypatch.setattr(tools, "ensure", lambda names, progress: {name: tmp_path / name for name in names})
    assert install.needed_tools(tmp_path / "home") == ()
    assert install.ensure_kubernetes(tmp_path / "home", QUIET, tmp_path / "no-cli", None) == "kubernetes plugin built here"
    assert str(tmp_path / install.TOOL) in binary(tmp_path / "home", "kubernetes").read_text()


def test_what_is_compiled_serves_the_locked_sdk_and_says_so_of_another(tmp_path, monkeypatch):
    assert list(tools.TOOLS[install.TOOL].build.releases.values()) == [wheel_version(install.KUBERNETES)]
    monkeypatch.setattr(install, "wheel_version", lambda package: "9.9.9")
    with pytest.raises(UserError, match=r"pulumi-kubernetes 9\.9\.9 wants .*uv sync"):
        ensure_kubernetes(tmp_path / "home", tmp_path)


def test_the_stand_in_for_random_is_put_where_nothing_can_be_downloaded(tmp_path):
    assert install.ensure_random(tmp_path / "home", QUIET) == "stand-in"
    assert os.access(binary(tmp_path / "home", "random"), os.X_OK)
    assert not (tmp_path / "own").exists(), "nothing of the stand-in reaches the user's own home"
    assert json.loads((tmp_path / "backend" / "plugins.json").read_text()) == {"plugins": "stand-in"}


def test_an_installed_official_random_plugin_is_used(tmp_path):
    put_official(tmp_path / "own")
    assert install.ensure_random(tmp_path / "home", QUIET) == "official"
    assert binary(tmp_path / "home", "random").read_bytes() == b"\x7fELF"


def test_an_unfinished_download_is_not_a_plugin(tmp_path):
    put_official(tmp_path / "own")
    folder = binary(tmp_path / "own", "random").parent
    folder.with_name(folder.name + ".partial").touch()
    assert install.ensure_random(tmp_path / "home", QUIET) == "stand-in"


def test_states_of_the_stand_in_keep_the_stand_in(tmp_path):
    install.ensure_random(tmp_path / "home", QUIET)
    put_official(tmp_path / "own")
    assert install.ensure_random(tmp_path / "home", QUIET) == "stand-in"


def test_states_of_the_official_plugin_refuse_the_stand_in(tmp_path, monkeypatch):
    put_official(tmp_path / "own")
    install.ensure_random(tmp_path / "home", QUIET, backend=tmp_path / "states")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "empty"))
    with pytest.raises(UserError, match=r"(?s)made with the official random plugin.*pulumi plugin install"):
        install.ensure_random(tmp_path / "another", QUIET, backend=tmp_path / "states")


def test_a_plugin_started_by_hand_says_what_it_is():
    ended = subprocess.run(
        [sys.executable, "-m", "local.plugins.random"], capture_output=True, text=True, check=False, cwd=install.ROOT
    )
    assert ended.returncode == 1
    assert "this is a Pulumi plugin" in ended.stderr
