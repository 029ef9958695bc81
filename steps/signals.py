"""A cancelled run's pod gets a TERM and half a minute: time to take back what is not settled."""

import signal
from types import FrameType

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
# How a shell tells that it was ended by a TERM.
CODE = 143


class Cancelled(BaseException):
    """The step is to end."""


class _State:
    ending = False


def listen() -> None:
    """Raise Cancelled in the main thread at the first signal that ends a process."""
    _State.ending = False
    for number in _SIGNALS:
        signal.signal(number, _cancel)


def shield() -> None:
    """Let no further signal interrupt what tidies up."""
    _State.ending = True


def _cancel(_number: int, _frame: FrameType | None) -> None:
    if not _State.ending:
        _State.ending = True
        raise Cancelled
