"""Hides in logs, as people see them, what the reporter hides in commit statuses: a terminal is pasted into tickets.

By the same fingerprints (`components/masks.py`), for whatever shows a log: the commands, and what follows runs on the
embedded cluster. Only secrets of pods that run a pull request's code have any. Where it is not sure what there is to hide,
the log is not shown; who has to see one as it is reads it with kubectl.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import urllib3
from kubernetes import client

from components.conventions import UNTRUSTED, Manifest
from components.credential import LOG_MASKS, LOG_MASKS_KEY
from operate.kubeconfig import silence
from operate.target import Target
from steps import excerpt, tail
from steps.masks import Masks

_NONE = "there is none, by `quoteLogs: false` or since a Secret of these pods was there already"
_TOO_MANY = "it tells none, since these are too many"
_NO_RIGHT = "you may not get it (docs/operating.md#rights)"


@dataclass(frozen=True)
class _Unread:
    """Why it is not known what there is to hide."""

    why: str


class Masking:
    """The fingerprints of each delivery namespace, read once, when the first of its logs is shown."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        """`warn` hears once of each namespace where nothing is hidden."""
        self._warn, self._known, self._warned = warn, dict[str, Masks | _Unread | None](), set[str]()

    def shown(self, target: Target, task_run: Manifest, log: str) -> list[str]:
        """Return the lines of a TaskRun's log, as `lines` does."""
        cluster, environment = target.cluster, target.environment
        read = partial(cluster.secret, environment, LOG_MASKS.secret, LOG_MASKS_KEY)
        return self.lines(cluster.delivery_namespace(environment), read, task_run, log)

    def lines(self, namespace: str, read: Callable[[], str], task_run: Manifest, log: str) -> list[str]:
        """Return the lines of a TaskRun's log as a terminal would show them, without the secrets that can be told.

        `read` returns what the Secret of the namespace holds. Where it cannot be had, though it may be there, the one line
        says so in the log's place.
        """
        there = f"the Secret {LOG_MASKS.secret} of {namespace}"
        if namespace not in self._known:
            self._known[namespace] = _known(read)
        known = self._known[namespace]
        if isinstance(known, Masks):
            return excerpt.shown(known, log)
        # Trusted steps print none.
        if (task_run.get("spec") or {}).get("serviceAccountName", UNTRUSTED) != UNTRUSTED:
            return tail.shown(log)
        if isinstance(known, _Unread):
            pod = (task_run.get("status") or {}).get("podName") or "POD"
            whole = f"kubectl --namespace {namespace} logs {pod} --all-containers"
            return [f"it is not shown, since secrets could not be hidden in it, for want of {there}: {known.why}; `{whole}`"]
        if namespace not in self._warned:
            self._warned.add(namespace)
            self._warn(f"secrets are not hidden in what follows, for want of {there}: {_NONE}")
        return tail.shown(log)


def _known(read: Callable[[], str]) -> Masks | _Unread | None:
    """Return what hides secrets; None where a stack has none."""
    try:
        return Masks.parse(read())
    except client.ApiException as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        return _Unread(_NO_RIGHT if error.status == HTTPStatus.FORBIDDEN else f"{error.status} {error.reason}")
    except urllib3.exceptions.HTTPError as error:
        return _Unread(f"the cluster does not answer: {silence(error)}")
    except ValueError:
        return _Unread(_TOO_MANY)
