"""One pull request's way to production, ours or the article's, from the accepted webhook to the answer, by its parts."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench import article
from bench.watch import Known, Told, first, has, names, over, steps_begun, watching
from local.demo import DEPLOYMENT, PORTS, Answer
from local.errors import UserError
from local.forge import deliveries
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Kubernetes, Object, condition, wait_until
from local.machine import Machine

# How often an environment is asked whether it shows the change, in seconds.
ASKED = 0.02
RUN_SECONDS = 300


@dataclass(frozen=True)
class Place:
    """Where an environment's runs and its application are, and what the forge calls its webhook."""

    runs: str
    workload: str
    port: int
    webhook: str


@dataclass(frozen=True)
class System:
    """Who delivers."""

    name: str
    repository: str
    places: dict[str, Place]
    """By environment."""


OURS = System(
    "ours", REPOSITORY, {name: Place(f"{name}-ci", name, port, name) for name, port in PORTS.items()}
)  # fmt: skip
ARTICLE = System(
    "article",
    article.REPOSITORY,
    {
        name: Place(article.RUNS, f"article-{name}", article.PORTS[f"article-{name}"], article.HOOK)
        for name in ("staging", "production")
    },
)


@dataclass
class Delivery:
    """One environment's share, in seconds since its webhook was accepted."""

    answer: float
    """Until the environment's URL shows the change."""
    ended: float
    """Until the whole run has ended, commit status and all."""
    image: str
    parts: dict[str, float] = field(default_factory=dict)
    """What the way to the answer consists of, in its order: they add up to `answer`."""


def how_many(arguments: Sequence[str], default: int) -> int:
    """Return the number of rounds that was asked for."""
    text = arguments[0] if arguments else str(default)
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{text!r} is no number of rounds. It has to be a whole number from 1 on, e.g. ROUNDS={default}.")
    return int(text)


def deliver(
    running: Machine, system: System, message: str, pause: Callable[[], object] = lambda: None
) -> dict[str, Delivery]:
    """Open a pull request, merge it once staging has it, and measure both deliveries; `pause` comes before each."""
    developer = running.forge.developer
    branch = f"bench-{int(time.time() * 1000):x}"
    developer.commit(system.repository, branch, message, {"message.txt": f"{message}\n"}, base="main")
    found, number = {}, 0

    def opened() -> None:
        nonlocal number
        number = developer.open_pull_request(system.repository, branch, message).number

    for environment, act in (("staging", opened), ("production", lambda: developer.merge(system.repository, number))):
        settled(running.kubernetes, [place.runs for place in system.places.values()])
        pause()
        found[environment] = _measured(running, system, environment, message, act)
    developer.delete_branch(system.repository, branch)
    return found


def settled(kubernetes: Kubernetes, namespaces: Sequence[str] = ()) -> None:
    """Wait until no run goes on in these namespaces, and no pod of any begins or ends."""

    def going() -> list[str]:
        runs = [run for namespace in namespaces for run in kubernetes.runs(namespace)]
        pods = kubernetes.core.list_pod_for_all_namespaces(watch=False).items
        moving = [pod.metadata.name for pod in pods if pod.metadata.deletion_timestamp or pod.status.phase == "Pending"]
        return [run["metadata"]["name"] for run in runs if condition(run)[0] == "Unknown"] + moving

    wait_until(lambda: not going(), 120, "runs and pods do not come to rest", lambda: ", ".join(going()))


def _measured(running: Machine, system: System, environment: str, message: str, act: Callable[[], object]) -> Delivery:
    place, kubernetes = system.places[environment], running.kubernetes
    before = kubernetes.deployment(place.workload, DEPLOYMENT).spec.template.spec.containers[0].image
    with watching(kubernetes, place.runs, place.workload) as told:
        begun = time.time()
        answer = Answer(running.url(place.port), message, ASKED, RUN_SECONDS)
        act()
        wait_until(lambda: first(told.runs, over), RUN_SECONDS, f"the {system.name} run in {place.runs} did not end")
        ended = first(told.runs, over) or 0
        answered = begun + answer.wait()
        # The last states of pods are told after the run's end.
        time.sleep(0.5)
    run = told.runs[-1][1]
    if condition(run)[0] != "True":
        raise UserError(f"the run {run['metadata']['name']} in {place.runs} failed: {condition(run)[1]}")
    accepted = _accepted(running, system, place, begun)
    times = [*moments(told, before), ("answer", answered)]
    return Delivery(answered - accepted, ended - accepted, _image(told.deployments[-1][1]), parts_of(accepted, times))


def _accepted(running: Machine, system: System, place: Place, begun: float) -> float:
    """Return when the listener had answered the webhook of the pull request, by the forge's own record."""
    path = f"/repos/{system.repository}/hooks"
    hooks = {hook["id"] for hook in running.forge.admin.all(path, "list webhooks") if hook["name"].startswith(place.webhook)}
    wanted = ("opened", "closed")
    for sent in deliveries.read(running.cluster.state / "forge"):
        if sent.webhook in hooks and sent.ended > begun and json.loads(sent.body).get("action") in wanted:
            return sent.ended
    raise UserError(f"the forge has no record of a webhook that {system.name} accepted")


def moments(told: Told, before: str) -> Iterator[tuple[str, float]]:
    """Return the moments on the way to a new image's being ready, in their order, each with the name of what it ends."""
    patched = first(told.deployments, lambda found: _image(found) != before)
    if patched is None:
        raise UserError("nobody was told of a new image")
    for pod, ended in _way(told.pods, patched) if told.pods else []:
        task = _labels(told.pods, pod)["tekton.dev/pipelineTask"]
        yield f"{task}: scheduled", first(told.pods, has("PodScheduled"), pod) or 0
        yield f"{task}: initialized", first(told.pods, has("Initialized"), pod) or 0
        yield f"{task}: began", steps_begun(told.pods, pod) or 0
        yield f"{task}: ran", ended
    if not told.pods:
        yield "patched", patched
    image = _image(told.deployments[-1][1])
    ready = [when for when, pod in told.workload if pod["spec"]["containers"][0]["image"] == image and has("Ready")(pod)]
    yield "rollout", min(ready)


def _way(pods: list[Known], patched: float) -> list[tuple[str, float]]:
    """Return the pods that the change went through, each with its end: the last of them made it, before `patched`."""
    seen = {pod: first(pods, lambda thing: True, pod) or 0 for pod in names(pods) if steps_begun(pods, pod)}
    # What had ended before it was first told of is another delivery's.
    ends = {pod: end for pod in seen if (end := first(pods, over, pod)) and end > seen[pod]}
    way = [(max((pod for pod in ends if seen[pod] < patched), key=seen.__getitem__), patched)]
    while before := [pod for pod, end in ends.items() if end <= seen[way[0][0]]]:
        last = max(before, key=ends.__getitem__)
        way.insert(0, (last, ends[last]))
    return way


def parts_of(accepted: float, times: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return the seconds between moments, each named after what it ends; `accepted` comes before them."""
    parts, last = {}, accepted
    for name, when in times:
        # A step begins before it is told that its init containers have ended.
        parts[name] = max(when, last) - last
        last = max(when, last)
    return parts


def _image(deployment: Object) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _labels(known: list[Known], name: str) -> dict[str, str]:
    return next(dict(thing["metadata"]["labels"]) for _, thing in known if thing["metadata"]["name"] == name)
