"""Runs the real Pulumi CLI on scenarios, and reads what it did from its event stream."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.plugins.versions import wheel_version

PROGRAM = Path(__file__).parent / "program"


@dataclass
class Run:
    """One command: how it ended, and what it did or would do to which resource."""

    status: int
    operations: list[tuple[str, str]] = field(default_factory=list)
    messages: list[tuple[str, str]] = field(default_factory=list)
    output: str = ""

    def of(self, name: str) -> list[str]:
        """The operations on one resource, in order, "same" left out."""
        return [operation for operation, of in self.operations if of == name and operation != "same"]

    @property
    def changed(self) -> dict[str, list[str]]:
        """Every resource that is not left as it is."""
        names = dict.fromkeys(name for operation, name in self.operations if operation not in ("same", "refresh"))
        return {name: self.of(name) for name in names}

    @property
    def errors(self) -> str:
        """The error messages, as one text."""
        return "\n".join(text for severity, text in self.messages if severity == "error")


class Stack:
    """A stack of the conformance program with a backend of its own."""

    def __init__(self, folder: Path, name: str, environment: dict[str, str], providers: dict[str, Any]) -> None:
        self.folder, self.name, self.providers = folder / name, name, providers
        backend = self.folder / "backend"
        shutil.copytree(PROGRAM, self.folder / "program")
        backend.mkdir()
        self.environment = {**environment, "PULUMI_BACKEND_URL": f"file://{backend}"}
        self.state_file = backend / ".pulumi/stacks/conformance" / f"{name}.json"
        subprocess.run(["pulumi", "stack", "init", name], cwd=self.program, env=self.environment, check=True)

    @property
    def program(self) -> Path:
        """Where the program runs."""
        return self.folder / "program"

    def declare(self, resources: list[dict[str, Any]], exports: dict[str, Any] | None = None) -> None:
        """Set what the next command finds declared."""
        scenario = {"providers": self.providers, "resources": resources, "exports": exports or {}}
        (self.program / "scenario.json").write_text(json.dumps(scenario))

    def preview(self, *arguments: str) -> Run:
        """pulumi preview"""
        return self._run("preview", *arguments)

    def up(self, *arguments: str) -> Run:
        """pulumi up, without a preview before it."""
        return self._run("up", "--yes", "--skip-preview", *arguments)

    def refresh(self, *arguments: str) -> Run:
        """pulumi refresh"""
        return self._run("refresh", *(arguments or ("--yes",)))

    def destroy(self) -> Run:
        """pulumi destroy"""
        return self._run("destroy", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        """The stack's exports."""
        command = ["pulumi", "stack", "output", "--json", "--show-secrets", "-s", self.name]
        found = subprocess.run(command, cwd=self.program, env=self.environment, check=True, stdout=subprocess.PIPE)
        return dict(json.loads(found.stdout))

    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources in the state, by name."""
        latest = json.loads(self.state_file.read_text())["checkpoint"]["latest"]
        return {resource["urn"].rpartition("::")[2]: resource for resource in latest.get("resources") or []}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command that the test itself ends."""
        return subprocess.Popen(
            ["pulumi", *arguments, "-s", self.name, "--json", "--non-interactive"],
            cwd=self.program,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _run(self, *arguments: str) -> Run:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=180)
        return read(process.returncode, output)


def read(status: int, output: str) -> Run:
    """Interpret the CLI's event stream."""
    run = Run(status, output=output)
    for line in output.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if not isinstance(event, dict):
            continue
        if "resourcePreEvent" in event:
            metadata = event["resourcePreEvent"]["metadata"]
            run.operations.append((metadata["op"], metadata["urn"].rpartition("::")[2]))
        elif "resOutputsEvent" in event:
            metadata = event["resOutputsEvent"]["metadata"]
            name = metadata["urn"].rpartition("::")[2]
            # A refresh ends as what it found.
            if ("refresh", name) in run.operations and metadata["op"] in ("update", "delete"):
                run.operations.append((f"found-{metadata['op']}", name))
        elif "diagnosticEvent" in event:
            diagnostic = event["diagnosticEvent"]
            run.messages.append((diagnostic["severity"], diagnostic["message"]))
    return run


def environment(home: Path, tools: list[Path], kubeconfig: str) -> dict[str, str]:
    """What the CLI runs in: nothing of the user's own Pulumi."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    interpreter = str(Path(sys.executable).parent)
    return {
        **kept,
        "PATH": os.pathsep.join([*map(str, tools), interpreter, kept["PATH"]]),
        "PULUMI_HOME": str(home),
        "PULUMI_CONFIG_PASSPHRASE": "conformance",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true",
        "KUBECONFIG": kubeconfig,
        "KUBERNETES_VERSION": wheel_version("kubernetes"),
        "RANDOM_VERSION": wheel_version("random"),
    }


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask again until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


def interrupt(process: "subprocess.Popen[str]") -> None:
    """The user's Ctrl-C, as the CLI gets it."""
    os.kill(process.pid, signal.SIGINT)
