"""Commands of the field that steps call: git, crane, cosign, oras. What they print is bounded, and shown plainly."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from steps.result import warn

T = TypeVar("T")

# Of what a command prints.
_OUTPUT, _ERRORS = 32 * 1024 * 1024, 64 * 1024


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    code: int
    out: bytes
    errors: str
    cut: bool = False
    """Whether it printed more than was taken."""

    @property
    def text(self) -> str:
        """What it printed, without the line's end."""
        return self.out.decode("utf-8", "replace").rstrip("\n")


def run(command: Sequence[str], env: Mapping[str, str], *, bound: int | None = None, told: bytes | None = None) -> Done:
    """Run a command with this environment and a PATH alone. It reads what it is `told` (a few KiB) by standard input.

    One that prints more than `bound` bytes ends, and has failed unless they were asked for.
    """
    errors, most = bytearray(), _OUTPUT if bound is None else bound
    with _started(command, env, errors, subprocess.DEVNULL if told is None else subprocess.PIPE) as process:
        if process.stdin and told is not None:
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(told)
        assert process.stdout
        out = process.stdout.read(most + 1)
        cut = len(out) > most
        if cut:
            process.kill()
        code = process.wait()
    if cut:
        errors.extend(f"{command[0]} printed more than {most} bytes\n".encode())
        code = 1 if bound is None else 0
    return Done(code, out, errors.decode("utf-8", "replace"), cut)


def checked(command: Sequence[str], env: Mapping[str, str], *, bound: int | None = None) -> Done:
    """Run a command whose errors are shown, and whose failure ends the step."""
    return succeeded(run(command, env, bound=bound))


def succeeded(done: Done) -> Done:
    """Show a command's errors, and end the step if it failed."""
    if done.errors:
        warn(done.errors.rstrip("\n"), lines=True)
    if done.code:
        raise SystemExit(done.code if done.code > 0 else 128 - done.code)
    return done


def lines(command: Sequence[str], env: Mapping[str, str]) -> Iterator[str]:
    """Yield what a command prints, line by line, for as long as somebody wants more. Its failure ends the step."""
    errors = bytearray()
    with _started(command, env, errors) as process:
        assert process.stdout
        for line in process.stdout:
            yield line.decode("utf-8", "replace").rstrip("\n")
        code = process.wait()
    succeeded(Done(code, b"", errors.decode("utf-8", "replace")))


@contextmanager
def _started(
    command: Sequence[str], env: Mapping[str, str], errors: bytearray, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    reader = threading.Thread(target=_keep, args=(process, errors), daemon=True)
    reader.start()
    try:
        yield process
        reader.join(5)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(5)
        for pipe in (process.stdout, process.stderr):
            assert pipe
            pipe.close()


def _keep(process: subprocess.Popen[bytes], errors: bytearray) -> None:
    assert process.stderr
    while chunk := process.stderr.read1(65536):  # type: ignore[attr-defined]
        errors.extend(chunk[: max(0, _ERRORS - len(errors))])


class Later(Generic[T]):
    """What a thread is finding out meanwhile."""

    def __init__(self, find: Callable[[], T]) -> None:
        self._found: T
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(find,), daemon=True)
        self._thread.start()

    def _run(self, find: Callable[[], T]) -> None:
        try:
            self._found = find()
        except BaseException as error:
            self._failed = error

    def result(self) -> T:
        """Wait, and return what was found, or raise what came of it."""
        self._thread.join()
        if self._failed:
            raise self._failed
        return self._found
