"""Lints the workflows under .github/ with actionlint, and their shell with shellcheck: part of `make check`."""

import subprocess
import sys

from local import tools
from local.errors import UserError
from local.paths import ROOT
from local.progress import Progress


def main() -> int:
    """Print what is wrong. Returns the exit code."""
    try:
        folder = tools.ensure(["actionlint"], Progress())["actionlint"]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return subprocess.run([folder / "actionlint", "-shellcheck", ROOT / ".venv/bin/shellcheck"], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
