"""Progress of long work: one line a step, with its seconds, live on a terminal and plain in a log."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Progress:
    """Prints what is going on. On a terminal the running step shows its elapsed seconds; in a log, every 30 s."""

    LOG_INTERVAL = 30.0

    def __init__(self, write: Callable[[str], object] = sys.stdout.write, tty: bool | None = None) -> None:
        self._write = write
        self._tty = sys.stdout.isatty() if tty is None else tty
        self._started = time.monotonic()

    def line(self, text: str) -> None:
        """Print one line as it is."""
        self._write(text + "\n")
        sys.stdout.flush()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time one step: announced when it begins, closed with its seconds, or with `failed` when it raises."""
        begun = time.monotonic()
        finished = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(what, begun, finished), daemon=True)
        ticker.start()
        outcome = "failed"
        try:
            yield
            outcome = "done"
        finally:
            finished.set()
            ticker.join()
            lead = "\r\033[K" if self._tty else ""
            self.line(f"{lead}  {what}: {outcome} ({time.monotonic() - begun:.1f} s)")

    def _tick(self, what: str, begun: float, finished: threading.Event) -> None:
        interval = 1.0 if self._tty else self.LOG_INTERVAL
        if self._tty:
            self._write(f"  {what} …")
            sys.stdout.flush()
        while not finished.wait(interval):
            elapsed = time.monotonic() - begun
            self._write(f"\r\033[K  {what} … {elapsed:.0f} s" if self._tty else f"  {what}: {elapsed:.0f} s so far\n")
            sys.stdout.flush()
