"""A second embedded machine beside this checkout's: a copy of the checkout with a cluster, a forge and stacks of its own.

The end-to-end tests share one staging environment, so only another machine lets two of them run at once.
"""

import shutil
import subprocess
import sys

from local.errors import UserError
from local.paths import ROOT, STATE
from local.progress import Progress

FOLDER = STATE / "beside"
LOG = STATE / "beside.log"
# Neither what is made from the rest nor what belongs to this checkout's own machine.
_LEFT_OUT = (".local", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", "__pycache__", "rendered")


def copy() -> None:
    """Copy the checkout as it is, uncommitted changes included. Libraries are shared.

    Raises FileExistsError where there is a copy: a machine may be running in it, which `down` removes.
    """
    shutil.copytree(ROOT, FOLDER, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    (FOLDER / ".venv").symlink_to(ROOT / ".venv")


def run(*arguments: str) -> int:
    """Run Python in the copy and return its exit code; what it prints goes to the end of `LOG`."""
    with LOG.open("a") as log:
        return subprocess.run([sys.executable, *arguments], cwd=FOLDER, stdout=log, stderr=subprocess.STDOUT).returncode


def down(progress: Progress) -> None:
    """Remove the second machine and the copy, if they are there. Raises UserError if its cluster does not end."""
    if not FOLDER.exists():
        return
    with progress.step("Stop and remove the second machine"):
        if run("-m", "local", "down") != 0:
            raise UserError(f"The machine in {FOLDER} was not removed:\n{LOG.read_text()[-2000:]}")
        shutil.rmtree(FOLDER)
