"""The policy pack for the CLI that is built here: another runtime, the same pack."""

import subprocess
from pathlib import Path

import yaml

from local import policy_pack


def test_the_pack_keeps_its_name_and_version_and_names_a_runtime_without_a_language_host(tmp_path: Path) -> None:
    folder = policy_pack.write(tmp_path / "pack", tmp_path / "plugins")
    original = yaml.safe_load((policy_pack.SOURCE / "PulumiPolicy.yaml").read_text())
    assert original["runtime"]["name"] == "python"
    assert yaml.safe_load((folder / "PulumiPolicy.yaml").read_text()) == original | {"runtime": policy_pack.RUNTIME}


def test_the_plugin_serves_the_pack(tmp_path: Path) -> None:
    """It prints the port that the engine connects to."""
    policy_pack.write(tmp_path / "pack", tmp_path / "plugins")
    (plugin,) = (tmp_path / "plugins").glob(f"{policy_pack.PLUGIN}-v*/pulumi-{policy_pack.PLUGIN}")
    with subprocess.Popen([plugin, "127.0.0.1:1", "."], cwd=tmp_path / "pack", stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        port = served.stdout.readline()
        served.terminate()
    assert 0 < int(port) < 65536
