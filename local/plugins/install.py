"""Which provider plugins the embedded default uses: what is installed or can be, else what is made here."""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import httpx

from local import tools
from local.errors import UserError
from local.paths import ROOT
from local.plugins.versions import wheel_version
from local.progress import Progress

KUBERNETES, RANDOM = "kubernetes", "random"
OFFICIAL, STAND_IN = "official", "stand-in"
TOOL = "pulumi-kubernetes"

# Where the CLI downloads official plugins from. Asking first is quick; its own tries take 10 s on a machine without a
# way out, and a download may rightly take longer than that.
_DOWNLOADS = "https://get.pulumi.com/releases/plugins"
_ASK_SECONDS = 3.0
_DOWNLOAD_SECONDS = 180.0
_MARKER = "plugins.json"


def needed_tools(pulumi_home: Path) -> tuple[str, ...]:
    """What has to be compiled: the kubernetes plugin, where it is neither installed nor to be downloaded."""
    if _found(pulumi_home, KUBERNETES):
        return ()
    return (TOOL,) if tools.compiled(TOOL) or not _downloadable(KUBERNETES) else ()


def ensure_kubernetes(pulumi_home: Path, progress: Progress, cli: Path | str, compiled: Path | None) -> str:
    """Put the kubernetes plugin that the SDK names into this PULUMI_HOME, and say whose it is.

    `compiled` is the tool's folder, if `needed_tools` asked for it.
    """
    if compiled is None and _obtain(pulumi_home, KUBERNETES, progress, cli):
        return "your own kubernetes plugin"
    write_compiled(pulumi_home / "plugins", compiled or tools.ensure([TOOL], progress)[TOOL])
    return "kubernetes plugin built here"


def ensure_random(pulumi_home: Path, progress: Progress, cli: Path | str = "pulumi", backend: Path | None = None) -> str:
    """Put a random plugin of the version that the SDK names into this PULUMI_HOME; "official" or "stand-in".

    What a backend's states were made with is written down beside them (`backend`, by default the home's sibling of that
    name) and kept: the stand-in does not take over the official plugin's states.
    """
    marker = (backend or pulumi_home.parent / "backend") / _MARKER
    made_by = _made_by(marker)
    if made_by == STAND_IN:
        write_stand_in(pulumi_home / "plugins")
        return STAND_IN
    used = OFFICIAL if _obtain(pulumi_home, RANDOM, progress, cli) else STAND_IN
    if made_by == OFFICIAL and used == STAND_IN:
        raise UserError(
            f"the states in {marker.parent} were made with the official random plugin, and it cannot be had now.\n"
            f"Install it (pulumi plugin install resource {RANDOM} v{wheel_version(RANDOM)}), "
            f"or start anew: make down, delete {marker.parent}, make up."
        )
    if used == STAND_IN:
        write_stand_in(pulumi_home / "plugins")
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps({"plugins": used}) + "\n")
    return used


def write_compiled(plugins: Path, folder: Path) -> None:
    """Write a launcher for the compiled kubernetes plugin as the exact-version folder that the CLI looks for."""
    served = next(iter(tools.TOOLS[TOOL].build.releases.values()))
    if wheel_version(KUBERNETES) != served:
        raise UserError(
            f"the Python package pulumi-kubernetes {wheel_version(KUBERNETES)} wants a plugin of that version; what is "
            f"compiled here serves {served}. Install what uv.lock pins (uv sync), or that plugin: "
            f"pulumi plugin install resource {KUBERNETES} v{wheel_version(KUBERNETES)}"
        )
    _write_launcher(plugins, KUBERNETES, f'exec {shlex.quote(str(folder / "pulumi-resource-kubernetes"))} "$@"')


def write_stand_in(plugins: Path) -> None:
    """Write the stand-in for the random plugin as the exact-version folder that the CLI looks for."""
    command = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m local.plugins.random"
    _write_launcher(plugins, RANDOM, f'# Stand-in of this checkout: {ROOT}\n{command} "$@"')


def _write_launcher(plugins: Path, package: str, script: str) -> None:
    folder = plugins / _folder(package)
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / f"pulumi-resource-{package}"
    launcher.unlink(missing_ok=True)
    launcher.write_text(f"#!/bin/sh\n{script}\n")
    launcher.chmod(0o755)


def _made_by(marker: Path) -> str | None:
    try:
        return str(json.loads(marker.read_text())["plugins"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{marker} is not readable: {error!r}; delete it together with the states beside it") from error


def _found(pulumi_home: Path, package: str) -> Path | None:
    """The folder of the official plugin, in this home or the user's own."""
    own = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    folders = (home / "plugins" / _folder(package) for home in (pulumi_home, own))
    return next((folder for folder in folders if _is_official(folder, package)), None)


def _obtain(pulumi_home: Path, package: str, progress: Progress, cli: Path | str) -> bool:
    """Have the official plugin in this home: already there, copied from the user's own home, or installed."""
    found, here = _found(pulumi_home, package), pulumi_home / "plugins" / _folder(package)
    if found is None:
        with progress.step(f"Look for the official Pulumi plugin {package}"):
            return _downloadable(package) and _install(pulumi_home, package, cli)
    if found != here:
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(found, here)
    return True


def _is_official(folder: Path, package: str) -> bool:
    binary = folder / f"pulumi-resource-{package}"
    # What this module writes are scripts; an unfinished download has a sibling that says so.
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
