"""Which provider plugins the embedded default uses: the official ones where they can be had, else the stand-ins."""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import httpx

from local.errors import UserError
from local.paths import ROOT
from local.plugins.versions import wheel_version
from local.progress import Progress

PACKAGES = ("kubernetes", "random")
OFFICIAL, STAND_IN = "official", "stand-in"

# Where the CLI downloads official plugins from. Asking first is quick; its own tries take 10 s on a machine without a
# way out, and a download may rightly take longer than that.
_DOWNLOADS = "https://get.pulumi.com/releases/plugins"
_ASK_SECONDS = 3.0
_DOWNLOAD_SECONDS = 180.0
_MARKER = "plugins.json"


def ensure(pulumi_home: Path, progress: Progress, cli: Path | str = "pulumi", backend: Path | None = None) -> str:
    """Put plugins of the versions that the installed SDKs name into this PULUMI_HOME; "official" or "stand-in".

    What a backend's states were made with is written down beside them (`backend`, by default the home's sibling of that
    name) and kept: the two kinds of plugins do not share states.
    """
    marker = (backend or pulumi_home.parent / "backend") / _MARKER
    made_by = _made_by(marker)
    if made_by == STAND_IN:
        _write_stand_ins(pulumi_home)
        return STAND_IN
    used = OFFICIAL if _official(pulumi_home, progress, cli) else STAND_IN
    if made_by == OFFICIAL and used == STAND_IN:
        raise UserError(
            f"the states in {marker.parent} were made with the official Pulumi plugins, and these cannot be had now.\n"
            f"Install them ({_install_commands()}), or start anew: make down, delete {marker.parent}, make up."
        )
    if used == STAND_IN:
        _write_stand_ins(pulumi_home)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps({"plugins": used}) + "\n")
    return used


def write_stand_in(plugins: Path, package: str) -> None:
    """Write one stand-in as the exact-version folder that the CLI looks for."""
    folder = plugins / _folder(package)
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / f"pulumi-resource-{package}"
    launcher.unlink(missing_ok=True)
    launcher.write_text(
        f"#!/bin/sh\n# Stand-in of this checkout: {ROOT}\n"
        f'PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m local.plugins.{package} "$@"\n'
    )
    launcher.chmod(0o755)


def _made_by(marker: Path) -> str | None:
    try:
        return str(json.loads(marker.read_text())["plugins"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{marker} is not readable: {error!r}; delete it together with the states beside it") from error


def _write_stand_ins(pulumi_home: Path) -> None:
    for package in PACKAGES:
        write_stand_in(pulumi_home / "plugins", package)


def _official(pulumi_home: Path, progress: Progress, cli: Path | str) -> bool:
    """Have the official plugins in this home: already there, copied from the user's own home, or installed."""
    own = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    missing = []
    for package in PACKAGES:
        here, there = (home / "plugins" / _folder(package) for home in (pulumi_home, own))
        if _is_official(here, package):
            continue
        if there != here and _is_official(there, package):
            shutil.rmtree(here, ignore_errors=True)
            shutil.copytree(there, here)
        else:
            missing.append(package)
    if not missing:
        return True
    with progress.step("Look for the official Pulumi plugins"):
        return all(_downloadable(package) and _install(pulumi_home, package, cli) for package in missing)


def _is_official(folder: Path, package: str) -> bool:
    binary = folder / f"pulumi-resource-{package}"
    # The stand-ins are scripts; an unfinished download has a sibling that says so.
    if not binary.is_file() or folder.with_name(f"{folder.name}.partial").exists():
        return False
    with binary.open("rb") as file:
        return file.read(2) != b"#!"


def _downloadable(package: str) -> bool:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    file = f"pulumi-resource-{package}-v{wheel_version(package)}-{platform.system().lower()}-{machine}.tar.gz"
    try:
        return httpx.head(f"{_DOWNLOADS}/{file}", timeout=_ASK_SECONDS, follow_redirects=True).is_success
    except httpx.HTTPError:
        return False


def _install(pulumi_home: Path, package: str, cli: Path | str) -> bool:
    folder = pulumi_home / "plugins" / _folder(package)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        subprocess.run(
            [cli, "plugin", "install", "resource", package, f"v{wheel_version(package)}"],
            env={**os.environ, "PULUMI_HOME": str(pulumi_home), "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_DOWNLOAD_SECONDS,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return False
    return _is_official(folder, package)


def _folder(package: str) -> str:
    return f"resource-{package}-v{wheel_version(package)}"


def _install_commands() -> str:
    return "; ".join(f"pulumi plugin install resource {package} v{wheel_version(package)}" for package in PACKAGES)
