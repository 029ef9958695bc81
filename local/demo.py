"""The main job, shown step by step: a pull request to staging, its merge to production, and two that ship nothing."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from components.conventions import plain
from local import applications, failing, machine
from local.applications import APPLICATIONS
from local.errors import UserError
from local.follow import follow, wait_for_run
from local.forge.setup import REPOSITORY
from local.kubernetes_api import wait_until
from local.machine import Machine
from local.paths import STATE
from local.progress import Progress

APPLICATION = "chespirito"
DEPLOYMENT = f"{APPLICATION}-pod"
PORTS = {"staging": 30080, "production": 30081}
RESULT = STATE / "demo.json"
# How long a run may take: frameworks are compiled, of packages that are fetched anew.
RUN_SECONDS = 900.0
# How long an environment may take to answer after its pipeline has ended.
ANSWER_SECONDS = 20.0
# How long production is watched for a run that must not come, counted from the forge's having delivered the webhook.
# A run that does come was there after 0.2-0.6 s.
NOTHING_SECONDS = 5.0


@dataclass(frozen=True)
class Shown:
    """The application that the demo takes to production: the sample, unless another one is asked for."""

    name: str = APPLICATION
    repository: str = REPOSITORY
    ports: Mapping[str, int] = field(default_factory=lambda: PORTS)
    says: Callable[[str], dict[str, str]] = lambda message: {"message.txt": f"{message}\n"}
    """The files by which a message gets to its page."""


SAMPLE = Shown()


def shown(name: str) -> Shown:
    """Return one of `local.applications`."""
    application = APPLICATIONS[name]
    return Shown(name, application.repository, application.ports, application.headed)


@dataclass
class Timeline:
    """Hops with their seconds."""

    hops: list[tuple[str, float]] = field(default_factory=list)
    _last: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Begin to count the next hop now."""
        self._last = time.monotonic()

    def hop(self, name: str) -> None:
        """End a hop."""
        now = time.monotonic()
        self.hops.append((name, now - self._last))
        self._last = now

    def add(self, name: str, seconds: float) -> None:
        """Add what was measured beside the hops."""
        self.hops.append((name, seconds))


class Answer(threading.Thread):
    """Asks an environment's URL, from now on, until it shows a message.

    `every` are the seconds between two questions, `within` those that it may take after somebody has begun to wait for it.
    """

    def __init__(self, url: str, message: str, every: float = 0.1, within: float = ANSWER_SECONDS) -> None:
        super().__init__(daemon=True)
        self.seconds: float | None = None
        self._url, self._message, self._begun = url, message, time.monotonic()
        self._every, self._within = every, within
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        with httpx.Client(timeout=2, trust_env=False) as client:
            while not self._stopped.is_set():
                try:
                    if self._message in client.get(self._url).text:
                        self.seconds = time.monotonic() - self._begun
                        return
                except httpx.HTTPError:
                    pass  # a rollout is going on
                self._stopped.wait(self._every)

    def wait(self) -> float:
        """Return after how many seconds the message was there. Raises UserError if it is not there soon."""
        self.join(self._within)
        self._stopped.set()
        if self.seconds is None:
            raise UserError(f"{self._url} does not show “{self._message}”")
        return self.seconds


def run(progress: Progress, name: str = APPLICATION) -> bool:
    """Run the demo. Returns whether all of it was seen true; the same is written to `.local/demo.json`."""
    application = SAMPLE if name == APPLICATION else shown(name)
    RESULT.unlink(missing_ok=True)
    timeline, digests = Timeline(), dict.fromkeys(PORTS, "")
    try:
        progress.line("Setting up: cluster, Tekton, registry, forge, both stacks")
        running = machine.up(progress)
        if name != APPLICATION:
            applications.bring_up(running, APPLICATIONS[name], progress)
        timeline.hop("set up")
        show_addresses(running, progress, application)
        digests |= _deliver(running, application, timeline, progress)
        # Its tests fail while the next one is built.
        fails = failing.begin(running) if application is SAMPLE else None
        _reject(running, application, timeline, progress, digests)
        failed = fails is None or failing.show(running, fails, application.name, progress)
        ok = failed and bool(digests["staging"]) and digests["staging"] == digests["production"]
    except UserError:
        _write(timeline, digests, ok=False)
        raise
    _write(timeline, digests, ok=ok)
    _summary(timeline, digests, progress, ok=ok)
    return ok


def show_addresses(running: Machine, progress: Progress, application: Shown = SAMPLE) -> None:
    """Print where everything answers."""
    for environment, port in application.ports.items():
        progress.line(f"  {environment:<11}{running.url(port)}")
    progress.line(
        f"  {'forge':<11}{running.forge.url}/{application.repository}  (users and passwords: .local/secrets/forge.json)"
    )


def _deliver(running: Machine, application: Shown, timeline: Timeline, progress: Progress) -> dict[str, str]:
    """Take a pull request to production. Returns the digest that each environment then runs."""
    message = f"Delivered at {time.strftime('%H:%M:%S')}"
    developer, digests = running.forge.developer, {}

    progress.line("\nA pull request is opened")
    answer = Answer(running.url(application.ports["staging"]), message)
    number, head = _open(running, application, message, timeline)
    progress.line(f"  #{number} at {head[:12]}: “{message}”")
    _run(running, application, "staging", number, timeline, progress)
    timeline.add("pull request to staging's answer", answer.wait())
    progress.line(f"  {running.url(application.ports['staging'])} answers: “{message}”")
    digests["staging"] = digest(running, "staging", application.name)

    progress.line("\nThe pull request is merged")
    answer = Answer(running.url(application.ports["production"]), message)
    timeline.start()
    developer.merge(application.repository, number)
    timeline.hop("merge")
    _run(running, application, "production", number, timeline, progress)
    timeline.add("merge to production's answer", answer.wait())
    progress.line(f"  {running.url(application.ports['production'])} answers: “{message}”")
    digests["production"] = digest(running, "production", application.name)
    for context, status in sorted(developer.statuses(application.repository, head).items()):
        progress.line(plain(f"  status {context}: {status.state}, {status.description}"))
    return digests


def _reject(running: Machine, application: Shown, timeline: Timeline, progress: Progress, digests: dict[str, str]) -> None:
    """Close a pull request unmerged and see that production stays as it is."""
    progress.line("\nA second pull request is opened, and closed unmerged")
    number, _ = _open(running, application, "Never to be seen in production", timeline)
    _run(running, application, "staging", number, timeline, progress)
    before = running.kubernetes.deployment("production", f"{application.name}-pod").metadata.resource_version
    timeline.start()
    running.forge.developer.close(application.repository, number)
    wait_until(
        lambda: digest(running, "staging", application.name) == digests["staging"],
        60,
        "staging did not return to what it served before",
    )
    timeline.hop("closed unmerged: staging is back")
    deadline = time.monotonic() + NOTHING_SECONDS
    while time.monotonic() < deadline:
        runs = running.kubernetes.runs("production-ci", pull_request=str(number))
        if any(run["metadata"]["labels"]["app.kubernetes.io/name"] == application.name for run in runs):
            raise UserError(f"closing pull request #{number} unmerged started a run in production-ci")
        time.sleep(0.5)
    timeline.hop("production watched: nothing happened")
    after = running.kubernetes.deployment("production", f"{application.name}-pod").metadata.resource_version
    if before != after or digest(running, "production", application.name) != digests["production"]:
        raise UserError("closing a pull request unmerged changed production")
    progress.line("  staging serves again what it served before")
    progress.line("  nothing shipped: no run in production-ci, and production's Deployment is untouched")


def _open(running: Machine, application: Shown, message: str, timeline: Timeline) -> tuple[int, str]:
    developer = running.forge.developer
    branch = f"demo-{int(time.time() * 1000):x}"
    developer.commit(application.repository, branch, "Say something new", application.says(message), base="main")
    timeline.start()
    opened = developer.open_pull_request(application.repository, branch, message)
    timeline.hop(f"open pull request #{opened.number}")
    return opened.number, opened.head_sha


def _run(
    running: Machine, application: Shown, environment: str, number: int, timeline: Timeline, progress: Progress
) -> None:
    found = wait_for_run(running.kubernetes, f"{environment}-ci", number, application=application.name)
    timeline.hop(f"webhook to {environment}'s run")
    progress.line(f"  {environment}-ci/{found['metadata']['name']}")
    succeeded, message = follow(running.kubernetes, found, progress.line, seconds=RUN_SECONDS)
    timeline.hop(f"{environment}'s pipeline")
    if not succeeded:
        why, *_ = message.splitlines() or [""]  # what its steps printed stands above
        raise UserError(f"the run {found['metadata']['name']} in {environment}-ci failed: {why}")


def digest(running: Machine, environment: str, application: str = APPLICATION) -> str:
    """Return the digest that an environment's Deployment runs. Raises UserError if it is not run by digest."""
    deployment: Any = running.kubernetes.deployment(environment, f"{application}-pod")
    image: str = deployment.spec.template.spec.containers[0].image
    name, separator, found = image.partition("@")
    if not separator or not name.endswith(f"/{application}"):
        raise UserError(f"{environment} runs {image}, not an image of {application} by digest")
    return found


def _write(timeline: Timeline, digests: dict[str, str], *, ok: bool) -> None:
    result = {
        "ok": ok,
        "hops": [{"name": name, "seconds": round(seconds, 2)} for name, seconds in timeline.hops],
        "environments": {environment: {"digest": found} for environment, found in digests.items()},
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


def _summary(timeline: Timeline, digests: dict[str, str], progress: Progress, *, ok: bool) -> None:
    progress.line("\nTimeline")
    longest = max(seconds for _, seconds in timeline.hops)
    for name, seconds in timeline.hops:
        bar = "█" * max(1, round(30 * seconds / longest))
        progress.line(f"  {name:<40}{seconds:7.1f} s  {bar}")
    progress.line("\nDigests")
    for environment, found in digests.items():
        progress.line(f"  {environment:<11}{found}")
    same = digests["staging"] == digests["production"]
    progress.line("  the same image" if same else "  NOT the same image")
    progress.line(
        "\nNext\n"
        "  make status           what runs where\n"
        '  eval "$(make env)"    then kubectl and pulumi work here: pulumi preview --stack staging\n'
        "  make test             every test\n"
        "  make down             end the cluster and remove its data"
    )
