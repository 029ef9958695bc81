"""Hides in logs, as people see them, what the reporter hides in commit statuses: a terminal is pasted into tickets.

By the same fingerprints (`components/masks.py`). Only secrets of pods that run a pull request's code have any. Who has to
see a log as it is reads it with kubectl.
"""

from collections.abc import Callable
from http import HTTPStatus

from kubernetes import client

from components.conventions import UNTRUSTED, Manifest
from components.credential import LOG_MASKS, LOG_MASKS_KEY
from operate.target import Target
from steps import excerpt, tail
from steps.masks import Masks

_WHY = {
    HTTPStatus.FORBIDDEN: "you may not get it (docs/operating.md#rights)",
    HTTPStatus.NOT_FOUND: "there is none, by `quoteLogs: false` or since a Secret of these pods was there already",
}
_UNKNOWN = "it tells none, since these are too many"


class Masking:
    """The fingerprints of each environment, read once, when the first of its logs is shown."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        """`warn` hears once of each environment where a log may show secrets."""
        self._warn, self._known = warn, dict[str, Masks | str]()

    def shown(self, target: Target, task_run: Manifest, log: str) -> list[str]:
        """Return the lines of a TaskRun's log as a terminal would show them, without the secrets that can be told."""
        known = self._of(target)
        if isinstance(known, Masks):
            return excerpt.shown(known, log)
        if known and (task_run.get("spec") or {}).get("serviceAccountName") == UNTRUSTED:
            there = f"the Secret {LOG_MASKS.secret} of {target.cluster.delivery_namespace(target.environment)}"
            self._warn(f"secrets are not hidden in what follows, for want of {there}: {known}")
            self._known[target.environment] = ""
        return tail.shown(log)

    def _of(self, target: Target) -> Masks | str:
        """Return an environment's, or why there are none; nothing once that was said."""
        if target.environment not in self._known:
            self._known[target.environment] = _read(target)
        return self._known[target.environment]


def _read(target: Target) -> Masks | str:
    try:
        return Masks.parse(target.cluster.secret(target.environment, LOG_MASKS.secret, LOG_MASKS_KEY))
    except client.ApiException as error:
        if error.status not in tuple(_WHY):
            raise
        return _WHY[HTTPStatus(error.status)]
    except ValueError:
        return _UNKNOWN
