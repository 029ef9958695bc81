"""Stacks that are removed while other tests go on: most of a removal is waiting for pods and namespaces to end."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Removals:
    """What is being removed. Nothing counts as removed before `check` has been asked."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._begun: list[tuple[str, Future[None]]] = []

    def begin(self, name: str, remove: Callable[[], None]) -> None:
        """Remove something after all that is being removed already."""
        self._begun.append((name, self._pool.submit(remove)))

    def wait(self, name: str = "") -> None:
        """Wait until nothing is being removed any more, or nothing of that name; `check` tells what failed."""
        for begun, removal in self._begun:
            if name in ("", begun):
                removal.exception()

    def check(self) -> None:
        """Wait likewise. Raises what a removal has raised, of several all."""
        self.wait()
        begun, self._begun = self._begun, []
        failed = [error for _, removal in begun if (error := removal.exception())]
        if failed:
            # What pytest raises is no Exception.
            raise BaseExceptionGroup("stacks were not removed", failed)


REMOVALS = Removals()
