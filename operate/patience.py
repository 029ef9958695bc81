"""Waiting on a cluster whose API server may say nothing for a while: it restarts, is upgraded, or has too much to do."""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

import urllib3
from kubernetes import client

from components.conventions import plain
from operate import kubeconfig
from operate.cluster import ConflictError

POLL_SECONDS = 3.0
# For how long it may be silent. One that is alone is away while it starts anew or is upgraded, for a minute or two; kubeadm
# gives it four: https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/ (controlPlaneComponentHealthCheck).
SECONDS = 180.0
_ERRORS = (urllib3.exceptions.HTTPError, client.ApiException)

Answer = TypeVar("Answer")


def is_busy(status: int) -> bool:
    """Whether a status of HTTP says nothing of what was asked: who answers is down, or has been asked too often."""
    return status >= 500 or status == 429


def is_passing(error: Exception) -> bool:
    """Whether an error says nothing of what was asked: nobody answers, or the API server starts or has too much to do."""
    if isinstance(error, client.ApiException):
        return is_busy(int(error.status or 0))
    # Another certificate does not get better.
    return isinstance(error, urllib3.exceptions.HTTPError) and "CERTIFICATE_VERIFY_FAILED" not in str(error)


def heard(ask: Callable[[], Answer]) -> Answer:
    """Return the answer to a question that may be asked twice; while the cluster is silent it is asked again.

    Raises what asking raised last, after SECONDS without an answer.
    """
    begun, told = time.monotonic(), False
    while True:
        try:
            return ask()
        except _ERRORS as error:
            if not is_passing(error) or time.monotonic() - begun >= SECONDS:
                raise
            told = told or _tell(error)
        time.sleep(POLL_SECONDS)


def done(change: Callable[[], object], is_done: Callable[[], bool]) -> None:
    """Make a change. Where nobody says whether it was made, look with `is_done`, and make it again if it was not.

    Raises what `change` raises, after SECONDS in which nothing answered. A failure inside the cluster (500) is told at once:
    most often a webhook refuses by it.
    """
    begun, told = time.monotonic(), False
    while True:
        try:
            change()
            return
        except ConflictError:
            # It may have been made after somebody looked.
            if told and heard(is_done):
                return
            raise
        except _ERRORS as error:
            inside = isinstance(error, client.ApiException) and error.status == 500
            if inside or not is_passing(error) or time.monotonic() - begun >= SECONDS:
                raise
            told = told or _tell(error)
        time.sleep(POLL_SECONDS)
        if heard(is_done):
            return


def _tell(error: urllib3.exceptions.HTTPError | client.ApiException) -> bool:
    why = f"{error.status} {error.reason}" if isinstance(error, client.ApiException) else kubeconfig.silence(error)
    text = f"the cluster does not answer: {why}; it is asked again for {SECONDS:.0f} s"
    print(plain(" ".join(text.split())), file=sys.stderr)
    return True
