"""How long deliveries take, beside the article's and a bare change of an image: `python -m bench.delivery [ROUNDS]`.

One run on one cluster, in rounds, so that all meet the same load: the article's pull request and ours in an order drawn each
time, then `kubectl set image` and `kubectl rollout status` with the image that came last. Each begins after a random pause:
a fixed one would lock onto the kubelet's look at its containers, once a second, and flatter or hurt one by half of that.
Writes `bench/results.json`, the picture of it, and the README's numbers.
"""

import random
import sys
import time

from bench import article, numbers, report
from bench.rounds import ARTICLE, ASKED, OURS, Delivery, System, deliver, how_many, moments, parts_of, settled
from bench.watch import watching
from local import machine
from local.demo import DEPLOYMENT, Answer
from local.errors import UserError
from local.machine import Machine
from local.progress import Progress

ROUNDS = 10
PAUSE = 2.0
"""Seconds; the longest."""


def main(arguments: list[str]) -> int:
    """Measure and record. Returns the exit code."""
    progress = Progress()
    try:
        rounds = how_many(arguments, ROUNDS)
        before, running = report.load(), machine.connect()
        measured: dict[str, list[Delivery]] = {}
        with article.present(running):
            # The first of each pulls what is on the node from then on.
            for number in range(rounds + 1):
                name = f"Round {number} of {rounds}" if number else "Warm up"
                with progress.step(name):
                    found = _round(running, number)
                if number:
                    for key, delivery in found.items():
                        measured.setdefault(key, []).append(delivery)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    numbers.record(measured, report.machine(before), rounds)
    progress.line(f"\n{numbers.block()}")
    return 0


def _round(running: Machine, number: int) -> dict[str, Delivery]:
    found: dict[str, Delivery] = {}
    order: list[System] = random.sample([ARTICLE, OURS], 2)
    message = ""
    for system in order:
        message = f"{system.name} {number} at {time.strftime('%H:%M:%S')}"
        delivered = deliver(running, system, message, _pause)
        found |= {f"{system.name} {environment}": delivery for environment, delivery in delivered.items()}
    settled(running.kubernetes, [place.runs for system in order for place in system.places.values()])
    _pause()
    found["bare production"] = _set_image(running, found[f"{order[-1].name} production"].image, message)
    return found


def _pause() -> None:
    time.sleep(random.uniform(0, PAUSE))  # noqa: S311 - no secret


def _set_image(running: Machine, image: str, message: str) -> Delivery:
    """Give the Deployment that nobody delivers to an image that is on the node."""
    kubectl = article.kubectl(running)
    before = running.kubernetes.deployment(article.BARE, DEPLOYMENT).spec.template.spec.containers[0].image
    with watching(running.kubernetes, None, article.BARE) as told:
        answer = Answer(running.url(article.PORTS[article.BARE]), message, ASKED)
        begun = time.time()
        for arguments in (
            ["set", "image", f"deployment/{DEPLOYMENT}", f"app={image}"],
            ["rollout", "status", f"deployment/{DEPLOYMENT}"],
        ):
            result = kubectl.run(f"--namespace={article.BARE}", *arguments)
            if result.returncode != 0:
                raise UserError(f"`kubectl {arguments[0]}` failed: {result.stderr.strip()}")
        ended = time.time()
        answered = begun + answer.wait()
    parts = parts_of(begun, [*moments(told, before), ("answer", answered)])
    return Delivery(answered - begun, ended - begun, image, parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
