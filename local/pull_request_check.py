"""The pull-request check on this machine: `make pull-request-check AGAINST=main` prints the comment as Markdown.

Staging is previewed too where the embedded cluster runs. All of it is this branch's code, run as whoever runs it: read a
stranger's branch before. Production is not previewed, whose credentials nobody needs for this.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local import preview
from local.cluster import Cluster
from local.paths import ROOT

STACK = "staging"


def main(arguments: list[str]) -> int:
    """Print the comment; arguments are those of `python -m offline.check`. Returns its exit code."""
    command = [sys.executable, "-m", "offline.check", *arguments]
    if not Cluster().running():
        return subprocess.run(command, cwd=ROOT).returncode
    with tempfile.TemporaryDirectory(prefix="tekton-delivery-") as folder:
        text = Path(folder) / STACK
        text.write_text(previewed())
        return subprocess.run([*command, "--preview", f"{STACK}={text}"], cwd=ROOT).returncode


def previewed() -> str:
    """Return what a preview of staging prints, its errors included."""
    ((command, variables),) = preview.commands([STACK])
    with tempfile.TemporaryDirectory(prefix="tekton-delivery-") as folder:
        # Pulumi writes into a stack's file what encrypts its values, so it has a copy.
        file = Path(folder) / f"Pulumi.{STACK}.yaml"
        shutil.copyfile(ROOT / file.name, file)
        answer = subprocess.run(
            [*command, "--color", "never", "--config-file", str(file)],
            cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    return answer.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
