"""Pulumi's CLI, run for an answer."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from operate.errors import OperateError

# A backend that does not answer keeps Pulumi waiting without end; an export of a large stack takes seconds.
SECONDS = 120.0


def run(arguments: Sequence[str], root: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Return what `pulumi` has printed and its exit code. `given` is its input.

    Raises FileNotFoundError where there is none, OperateError where it cannot be run or does not end.
    """
    try:
        return subprocess.run(
            ["pulumi", "--non-interactive", *arguments],
            cwd=root, input=given, capture_output=True, text=True, errors="replace", timeout=SECONDS,
        )  # fmt: skip
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OperateError(f"pulumi cannot be run: {error}") from None
    except subprocess.TimeoutExpired:
        command = f"`pulumi {' '.join(arguments)}`"
        raise OperateError(f"{command} has not ended within {SECONDS:.0f} s: is its backend there?") from None
