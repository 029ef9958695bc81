"""One pull request's way to production, with the seconds of each part."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from local.demo import PORTS, Answer, digest
from local.errors import UserError
from local.follow import follow, wait_for_run
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object
from local.machine import Machine


@dataclass
class Delivery:
    """One environment's share."""

    forge: float
    """The forge's own work on the request, at whose end its webhook leaves."""
    answer: float
    """From there until the environment's URL shows the change."""
    run: float
    """From there until the run is there."""
    pipeline: float
    """From there until the whole run has ended, commit status and all."""
    parts: dict[str, float]
    """Pod starts and steps of the run; the API tells them in whole seconds."""
    digest: str


@dataclass
class Round:
    """Staging and production."""

    number: int
    deliveries: dict[str, Delivery] = field(default_factory=dict)


def how_many(arguments: Sequence[str], default: int) -> int:
    """Return the number of rounds that was asked for."""
    text = arguments[0] if arguments else str(default)
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{text!r} is no number of rounds. It has to be a whole number from 1 on, e.g. ROUNDS={default}.")
    return int(text)


def deliver(running: Machine, message: str) -> Round:
    """Open a pull request, merge it once staging has it, and measure both deliveries."""
    developer = running.forge.developer
    branch = f"bench-{int(time.time() * 1000):x}"
    developer.commit(REPOSITORY, branch, message, {"message.txt": f"{message}\n"}, base="main")

    watch = Watch(running, "staging", message)
    number = developer.open_pull_request(REPOSITORY, branch, message).number
    delivered = Round(number, {"staging": watch.delivery(number)})

    watch = Watch(running, "production", message)
    developer.merge(REPOSITORY, number)
    delivered.deliveries["production"] = watch.delivery(number)
    developer.delete_branch(REPOSITORY, branch)
    return delivered


class Watch:
    """Measures a delivery, from the moment before the forge is asked."""

    def __init__(self, running: Machine, environment: str, message: str) -> None:
        self._running, self._environment = running, environment
        self._answer = Answer(running.url(PORTS[environment]), message)
        self._begun = time.monotonic()

    def delivery(self, number: int) -> Delivery:
        """Follow the run of a pull request, which the forge has just announced, to its end."""
        forge = self._elapsed()
        run = wait_for_run(self._running.kubernetes, f"{self._environment}-ci", number)
        seen = self._elapsed()
        succeeded, message = follow(self._running.kubernetes, run, lambda line: None)
        ended = self._elapsed()
        if not succeeded:
            raise UserError(f"the run {run['metadata']['name']} in {self._environment}-ci failed: {message}")
        return Delivery(
            forge=forge,
            answer=self._answer.wait() - forge,
            run=seen - forge,
            pipeline=ended - forge,
            parts=self._parts(run),
            digest=digest(self._running, self._environment),
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self._begun

    def _parts(self, run: Object) -> dict[str, float]:
        found = {}
        task_runs = self._running.kubernetes.task_runs(f"{self._environment}-ci", run["metadata"]["name"])
        for task_run in sorted(task_runs, key=lambda item: str(item["metadata"]["creationTimestamp"])):
            task = task_run["metadata"]["labels"]["tekton.dev/pipelineTask"]
            steps = [step for step in task_run["status"].get("steps", []) if "terminated" in step]
            if not steps:
                continue
            found[f"{task}: pod start"] = _seconds(
                task_run["metadata"]["creationTimestamp"], steps[0]["terminated"]["startedAt"]
            )
            for step in steps:
                times = step["terminated"]
                found[f"{task} / {step['name']}"] = _seconds(times["startedAt"], times["finishedAt"])
        return found


def _seconds(begun: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()
