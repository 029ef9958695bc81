"""What the step printed last that made a run fail, as it may be shown: of pods with a pull request's code.

It is quoted, and decides nothing: neither how a run ended nor whether that can be told.
"""

from pathlib import Path

from steps import failure, logs, summary, tail
from steps.failure import Object
from steps.kubernetes import Access
from steps.masks import Masks
from steps.result import warn
from steps.text import LONGEST, quoted

# How many characters of a log say something.
_WORTH = 20


def printed(access: Access, namespace: str, account: str, masks: Path | None, task_runs: list[Object]) -> list[str]:
    """Return the last lines that the failed step of a run printed, if its pod runs as `account`: at most `tail.LINES`.

    They are text without control characters and without the secrets that such pods hold, of which `masks` is the file with
    fingerprints; without it none are told. They are somebody else's words all the same: Markdown has them in a fence alone,
    one that is longer than any of theirs.
    """
    run, step = failure.failed(task_runs)
    pod = (run.get("status") or {}).get("podName")
    if masks is None or step is None or not pod or (run.get("spec") or {}).get("serviceAccountName") != account:
        return []
    # It only says for how long it has waited.
    if step["name"].startswith(failure.AWAITS):
        return []
    try:
        known = Masks.read(masks)
    except (OSError, ValueError) as error:
        warn(f"the log of step {step['name']} is not quoted: {error}")
        return []
    return tail.last(shown(known, logs.end(access, namespace, pod, step.get("container") or f"step-{step['name']}")))


def shown(known: Masks, log: str) -> list[str]:
    """Return a log's lines as a terminal would show them, without secrets.

    They are looked for before the codes of terminals are taken out, and after it: these may stand within a secret, and make
    one of two pieces.
    """
    hidden = [known.hide(line) for line in log.split("\n")]
    lines = tail.shown("\n".join(hidden))
    return [line if line == before else known.hide(line) for line, before in zip(lines, hidden, strict=True)]


def tests(masks: Path | None, said: str) -> str:
    """Return what tests say of themselves without the secrets that may be in their names, as with values to test with.

    Names that were cut off may end within one: what begins like one is hidden as well. Without `masks` they stay.
    """
    counts, _, names = said.partition(": ")
    if masks is None or not names:
        return said
    try:
        known = Masks.read(masks)
    except (OSError, ValueError) as error:
        warn(f"the names of tests are not quoted: {error}")
        return counts
    return f"{counts}: {', '.join(known.hide(name, cut=len(name) == summary.LONGEST_NAME) for name in names.split(', '))}"


def with_tests(description: str, said: str) -> str:
    """Return a description with what the tests say of themselves. It is quoted, and decides nothing."""
    before = f"{description}; tests: "
    shown = summary.shortened(said, LONGEST - len(before) - len('""'))
    return f'{before}"{shown}"' if shown else description


def quote(description: str, lines: list[str]) -> str:
    """Return a commit status's description with the line of `printed` that says most, as far as there is room for it."""
    before = f"{description}; log: "
    room = LONGEST - len(before)
    said = quoted(tail.telling(lines), room, beginning=True) if room >= _WORTH else ""
    return f"{before}{said}" if said else description
