"""A hostile pull request's way through staging, and what its probes printed on it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object
from tests.e2e.attacks.repository import Clone, Entry
from tests.e2e.world import World

FILES = Path(__file__).parent / "hostile"

# BuildKit puts the number of a build's step and its seconds before each line.
_PREFIX = re.compile(r"^#\d+ \d+\.\d+ ")


@dataclass(frozen=True)
class Delivery:
    """What became of a pull request."""

    pull_request: PullRequest
    run: Object
    succeeded: bool
    logs: Mapping[str, str]
    """What the steps of the pod with its code printed."""
    image: str
    """What staging runs afterwards."""

    @property
    def run_name(self) -> str:
        return str(self.run["metadata"]["name"])

    def found(self, kind: str, name: str) -> str | None:
        """What the lines of a probe say, or of a `control`; None if there is no such line."""
        begin = f"{kind.upper()} {name} "
        every = (unprefixed(line) for log in self.logs.values() for line in log.splitlines())
        lines = [line for line in every if line.startswith(begin)]
        return " ".join(line.removeprefix(begin).strip() for line in lines).strip() if lines else None


def unprefixed(line: str) -> str:
    """A line as the process in a build printed it."""
    return _PREFIX.sub("", line)


def hostile(name: str) -> str:
    """A file of the hostile pull request."""
    return (FILES / name).read_text()


def propose(world: World, folder: Path, branch: str, words: str, entries: Mapping[str, Entry]) -> PullRequest:
    """Push a commit to a new branch and open a pull request, both with `words` as subject and title."""
    Clone(world.machine, folder).push(branch, words, entries)
    return world.machine.forge.developer.open_pull_request(REPOSITORY, branch, words)


def staging_image(world: World) -> str:
    """What staging runs."""
    return str(world.deployment("staging").spec.template.spec.containers[0].image)


def await_end(world: World, pull_request: PullRequest) -> Delivery:
    """Wait until staging is through with a pull request."""
    run = wait_for_run(world.kubernetes, "staging-ci", pull_request.number)
    succeeded, _ = follow(world.kubernetes, run, world.log.append)
    logs = {step: world.logs(run, "build", step) for step in ("fetch", "test", "image")}
    return Delivery(pull_request, run, succeeded, logs, staging_image(world))
