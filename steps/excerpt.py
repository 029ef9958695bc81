"""What the step printed last that made a run fail, as it may be shown: of pods with a pull request's code.

It is quoted, and decides nothing: neither how a run ended nor whether that can be told.
"""

from pathlib import Path

from steps import failure, logs, tail
from steps.failure import Object
from steps.kubernetes import Access
from steps.masks import Masks
from steps.result import warn


def printed(access: Access, namespace: str, account: str, masks: Path | None, task_runs: list[Object]) -> list[str]:
    """Return the last lines that the failed step of a run printed, if its pod runs as `account`: at most `tail.LINES`.

    They are text without control characters and without the secrets that such pods hold, and somebody else's words all the
    same: in Markdown by `tail.fenced` only. None are told without `masks`, the file with these secrets' fingerprints.
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
    log = logs.end(access, namespace, pod, step.get("container") or f"step-{step['name']}")
    # Before the codes of terminals are taken out, and after it: they may stand within a secret, and make one of two pieces.
    lines = tail.shown("\n".join(map(known.hide, log.split("\n"))))
    return tail.last([known.hide(line) for line in lines])
