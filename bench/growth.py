"""What a stack costs as applications are added to it: `python -m bench.growth [COUNT …]`, by default 1, 10, 50 and 100.

One stack grows from each count to the next on the running cluster, with no pods (`replicas: 0`), and is destroyed at the
end. Checkpoints are left out of it: how quickly a backend keeps a state is the backend's own affair.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from bench import report
from local import machine, pulumi_stacks
from local.errors import UserError
from local.machine import Machine
from local.paths import ROOT
from local.progress import Progress

COUNTS = (1, 10, 50, 100)
STACK = "growth"
PREFIX = "tekton-delivery"


@dataclass(frozen=True)
class Command:
    """One run of the CLI."""

    seconds: float
    megabytes: float
    """The largest process that it started, itself included."""


@dataclass(frozen=True)
class Size:
    """A stack with so many applications."""

    applications: int
    resources: int
    up: Command
    """From the count before."""
    preview: Command
    """With nothing to change."""
    edit: Command
    """`pulumi up` with one changed field of every Deployment."""


def main(arguments: Sequence[str]) -> int:
    """Measure, print and record. Returns the exit code."""
    progress = Progress()
    try:
        if wrong := [text for text in arguments if not text.isdecimal() or int(text) < 1]:
            raise UserError(f'{wrong[0]!r} is no number of applications. Give whole numbers from 1 on, e.g. COUNTS="1 10".')
        counts = sorted(map(int, arguments)) or list(COUNTS)
        before, running = report.load(), machine.connect()
        with TemporaryDirectory() as folder, _stack(running, Path(folder)) as stack:
            sizes = [stack.grow(count, progress) for count in counts]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    text = "\n\n".join([report.machine(before), table(sizes)])
    progress.line(f"\n{text}")
    report.append("Growth of a stack", text)
    return 0


def settings(shipped: dict[str, Any], count: int, memory: str = "256Mi") -> dict[str, Any]:
    """Return the shipped staging stack's configuration with so many applications, which run nowhere."""
    config: dict[str, Any] = json.loads(json.dumps(shipped))
    (application,) = config[f"{PREFIX}:applications"]
    names = [f"app-{number:03}" for number in range(1, count + 1)]
    config[f"{PREFIX}:applications"] = [
        application | {"name": name, "repository": f"acme/{name}", "resources": {"memory": memory}} for name in names
    ]
    config[f"{PREFIX}:environments"][0] |= {"name": STACK, "replicas": 0, "nodePorts": {}}
    return config


class Stack:
    """The stack that grows."""

    def __init__(self, variables: dict[str, str], file: Path) -> None:
        self._variables, self._file = variables, file

    def grow(self, count: int, progress: Progress) -> Size:
        """Bring it to so many applications and measure it there."""
        with progress.step(f"{count} applications"):
            self._configure(count)
            up = self.run("up", "--yes", "--skip-preview")
            preview = self.run("preview", "--expect-no-changes")
            self._configure(count, memory="300Mi")
            edit = self.run("up", "--yes", "--skip-preview")
            return Size(count, self._resources(), up, preview, edit)

    def run(self, *arguments: str) -> Command:
        """Run the CLI on the stack. Raises UserError with the end of what it says."""
        flags = ["--stack", STACK, "--config-file", str(self._file), "--non-interactive", "--color", "never"]
        output = self._file.with_name("output")
        begun = time.monotonic()
        with output.open("w") as log:
            process = subprocess.Popen(
                [pulumi_stacks.LAUNCHER / "pulumi", *arguments, *flags],
                cwd=ROOT,
                env=self._variables,
                stdout=log,
                stderr=log,
            )
            _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise UserError(f"`pulumi {arguments[0]}` failed:\n" + "\n".join(output.read_text().splitlines()[-20:]))
        return Command(time.monotonic() - begun, usage.ru_maxrss / 1024)

    def _configure(self, count: int, memory: str = "256Mi") -> None:
        shipped = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text())["config"]
        self._file.write_text(json.dumps({"config": settings(shipped, count, memory)}))

    def _resources(self) -> int:
        exported = pulumi_stacks.command(STACK, self._variables, "stack", "export", "--stack", STACK)
        return len(json.loads(exported)["deployment"]["resources"])


@contextmanager
def _stack(running: Machine, folder: Path) -> Iterator[Stack]:
    variables = pulumi_stacks.process_environment(running.cluster, running.folders) | pulumi_stacks.WITHOUT_CHECKPOINTS
    pulumi_stacks.command(STACK, variables, "stack", "select", "--create", STACK)
    stack = Stack(variables, folder / "Pulumi.growth.yaml")
    try:
        yield stack
    finally:
        stack.run("destroy", "--yes", "--skip-preview")
        pulumi_stacks.command(STACK, variables, "stack", "rm", STACK, "--yes", "--preserve-config")
        (ROOT / f"Pulumi.{STACK}.yaml").unlink(missing_ok=True)


def table(sizes: Sequence[Size]) -> str:
    """Return a Markdown table with one line for each size."""

    def cell(command: Command, size: Size) -> str:
        return f"{command.seconds:.1f} ({1000 * command.seconds / size.resources:.0f})"

    # An update walks every resource of the stack, those included that it leaves alone.
    lines = [
        "| applications | resources | up, from the line above: s (ms per resource of the stack) "
        "| preview without a change: s (ms) | up with a change of every Deployment: s (ms) | largest process: MB |",
        "|---|---|---|---|---|---|",
    ]
    for size in sizes:
        commands = (size.up, size.preview, size.edit)
        cells = (size.applications, size.resources, *(cell(command, size) for command in commands))
        memory = max(command.megabytes for command in commands)
        lines.append(f"| {' | '.join(map(str, cells))} | {memory:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
