"""Runs one step: python3 -m steps NAME. Everything else it is given by environment."""

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence

from steps import inputs, signals
from steps.result import warn


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run a step; return how it ended."""
    (name,) = arguments
    step = importlib.import_module(f"steps.{name.replace('-', '_')}")
    return ended(lambda: step.run(inputs.read(step.Inputs, environ)))


def ended(function: Callable[[], None]) -> int:
    """Return how a step ended."""
    signals.listen()
    try:
        function()
    except signals.Cancelled:
        return signals.CODE
    except SystemExit as ended:
        return int(ended.code or 0)
    except (inputs.StepError, OSError) as error:
        text = str(error)
        warn(text if text.startswith("Error") else f"error: {text}")
        return 1
    except Exception:
        # A mistake of ours. What others wrote may be in it, so that it is shown plainly as well.
        warn(traceback.format_exc().rstrip("\n"), lines=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
