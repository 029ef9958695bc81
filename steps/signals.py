"""A cancelled run's pod gets a TERM and half a minute: time to take back what is not settled."""

import signal
from types import FrameType

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
# How a shell tells that it was ended by a TERM.
CODE = 143


class Cancelled(BaseException):
    """The step is to end."""


class _State:
    shielded = False
    told = False


def listen() -> None:
    """Raise Cancelled in the main thread at the first signal that ends a process."""
    _State.shielded = _State.told = False
    for number in _SIGNALS:
        signal.signal(number, _cancel)


def shield() -> None:
    """Let no signal interrupt what tidies up."""
    _State.shielded = True


def unshield() -> None:
    """Go on after something was tidied up. Raises Cancelled if a signal came meanwhile."""
    if _State.told:
        raise Cancelled
    _State.shielded = False
    if _State.told:  # in between
        _State.shielded = True
        raise Cancelled


def _cancel(_number: int, _frame: FrameType | None) -> None:
    _State.told = True
    if not _State.shielded:
        _State.shielded = True
        raise Cancelled
