"""The policy pack as a `pulumi` can run it that is built here.

An official CLI runs policy/ as it is. The language host that is built here is older than the CLI and does not start
policy packs, so there the CLI is given a pack of a runtime without a language host: it then looks for an analyzer plugin
of that name, which starts the same pack.
"""

import shlex
import sys
from pathlib import Path

from local.forge.secret_files import write_if_changed
from local.paths import ROOT

SOURCE = ROOT / "policy"
RUNTIME = "embedded"
PLUGIN = f"analyzer-policy-{RUNTIME}"


def write(folder: Path, plugins: Path) -> Path:
    """Write the pack for the CLI that is built here, and the plugin that runs it. Returns the pack's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    project = (SOURCE / "PulumiPolicy.yaml").read_text().partition("runtime:")[0]
    write_if_changed(folder / "PulumiPolicy.yaml", f"{project}runtime: {RUNTIME}\n")
    plugin = plugins / f"{PLUGIN}-v1.0.0" / f"pulumi-{PLUGIN}"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    command = f'exec {shlex.quote(sys.executable)} -u -m pulumi.policy "$1" {shlex.quote(str(SOURCE))}'
    write_if_changed(plugin, f"#!/bin/sh\n{command}\n")
    plugin.chmod(0o755)
    return folder
