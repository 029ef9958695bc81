"""What settings say of how long something may take is what Tekton gives it: by its own defaults and validation."""

import json
from collections.abc import Iterator
from itertools import islice, product

import pytest

from components.conventions import seconds
from operate.queue import start_anew
from operate.rebuild import start
from operate.target import Target
from tests.contracts.conftest import Ask
from tests.contracts.test_tekton import errors, hook, tekton
from tests.operate.cluster import Memory
from tests.sink import COMMENT, PUSH
from tests.support import Declared, Object, record_config, shipped_config
from tests.test_fork import comment
from tests.test_routing import payload, push

DURATIONS = ("30m", "1h", "2h", "12h", "72h", "99999h")
USUAL = {"build": "20m", "mark": "10m", "approval": "30m", "rollout": "5m", "smoke": "30s"}
CASES = [*product(("all",), DURATIONS), *product(USUAL, ("2h", "72h"))]
EVENTS = {"pull-request", "rejected", "rebuild", "merge", "base-moved", "ok-to-test"}


def declared(given: dict[str, str]) -> Declared:
    """Both environments with everything that waits; one of the two applications has paths and a smoke check."""
    staging, production = shipped_config("staging"), shipped_config("production")
    (first,), (second,) = staging["environments"], production["environments"]
    (application,) = staging["applications"]
    common = {"rolloutTimeout": given["rollout"], "staleBase": "rebuild"}
    approval = {"users": ["ana"], "timeout": given["approval"]}
    more = {"paths": ["shop"], "dockerfile": "shop/Dockerfile", "smokeCheck": {"path": "/", "timeout": given["smoke"]}}
    changed = {
        "environments": [first | common, second | common | {"approval": approval}],
        "mark": staging["mark"] | production["mark"] | {"timeout": given["mark"]},
        "build": staging["build"] | {"timeout": given["build"]},
        "applications": [application, application | more | {"name": "shop"}],
        "registry": staging["registry"] | {"delete": staging["registry"]["write"]},
    }
    return record_config(staging | changed)


@pytest.fixture(params=CASES, ids=["-".join(case) for case in CASES])
def given(request: pytest.FixtureRequest) -> dict[str, str]:
    which, duration = request.param
    return {name: duration if which in (name, "all") else usual for name, usual in USUAL.items()}


def started(ask: Ask, objects: list[Object]) -> list[Object]:
    sent = [hook(payload("gitea", name)) for name in ("opened", "closed_unmerged", "closed_merged")]
    sent += [hook(comment("gitea"), COMMENT), hook(push("gitea"), PUSH)]
    return [run for outcome in ask("deliver", objects=objects, deliveries=sent) for run in outcome["runs"]]


def by_hand(stack: Declared, runs: list[Object]) -> Iterator[Object]:
    """What `operate` makes of a merge that was started before the settings were changed."""
    pipelines = {item["metadata"]["name"]: item for item in stack.all("Pipeline")}

    class Cluster(Memory):
        def tekton(self, environment: str, plural: str, name: str) -> Object:
            return pipelines[name]

    for run in runs:
        before = json.loads(json.dumps(run))
        before["metadata"]["creationTimestamp"] = "2026-11-22T20:00:03Z"  # which the API server gives
        before["spec"]["timeouts"] = {"pipeline": "1h10m0s", "tasks": "1h0m0s"}
        for spec in before["spec"].get("taskRunSpecs", []):
            if spec["pipelineTaskName"] in ("build", "tests"):
                spec["timeout"] = "1h0m0s"  # as version 0.1.0 had it
        labels = before["metadata"]["labels"]
        environment, name = labels["tekton-delivery/environment"], labels["app.kubernetes.io/name"]
        target = Target(Cluster(environment), environment, name, f"{name}-pod")
        start_anew(target, before)
        if labels["tekton-delivery/event"] == "merge":
            source = Target(target.cluster, "staging", name, f"{name}-pod")
            start(source, {param["name"]: param["value"] for param in before["spec"]["params"]})
        yield from target.cluster.created  # type: ignore[attr-defined]


def times_of(ask: Ask, runs: list[Object], pipelines: list[Object]) -> list[dict[str, int]]:
    """How long the TaskRuns of each run may take, where Tekton passes on nothing of the run to them.

    1.15 passes on what the run's tasks may take together, where that is more than an hour; others gave each one an hour.
    """
    made = [list(task_runs(run, pipeline)) for run, pipeline in zip(runs, pipelines, strict=True)]
    verdicts = iter(ask("validate", objects=[each for of_one in made for each in of_one]))
    found = []
    for of_one in made:
        mine = list(islice(verdicts, len(of_one)))
        assert [verdict["error"] for verdict in mine] == [""] * len(of_one)
        found.append({verdict["name"]: seconds(verdict["admitted"]["spec"]["timeout"]) for verdict in mine})
    return found


def task_runs(run: Object, pipeline: Object) -> Iterator[Object]:
    specs = {item["pipelineTaskName"]: item for item in run["spec"].get("taskRunSpecs", [])}
    for task in [*pipeline["tasks"], *pipeline.get("finally", [])]:
        said = specs.get(task["name"], {}).get("timeout", task.get("timeout"))
        spec = {"taskRef": task["taskRef"]} | ({"timeout": said} if said else {})
        yield {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": task["name"]}, "spec": spec}


def least(given: dict[str, str], run: Object) -> dict[str, int]:
    """What the tasks may take by the settings, that of the rollouts with the wait for others before them."""
    time = {name: seconds(text) for name, text in given.items()}
    smoke = time["smoke"] if run["metadata"]["labels"]["app.kubernetes.io/name"] == "shop" else 0
    rollout, restoring = 4 * (2 * time["rollout"] + 30 + smoke), 4 * (2 * time["rollout"] + 30)
    return {"stage": rollout, "restore": restoring, "promote": time["mark"] + time["approval"] + rollout}


def test_what_is_declared_is_what_a_run_and_its_tasks_get(ask: Ask, given: dict[str, str]) -> None:
    stack = declared(given)
    objects = tekton(stack.objects)
    assert errors(ask, objects) == []
    heard = started(ask, objects)
    assert {run["metadata"]["labels"]["tekton-delivery/event"] for run in heard} == EVENTS
    times: dict[str, int] = {}
    runs = [*heard, *by_hand(stack, heard)]
    pipelines = [stack.one("Pipeline", run["spec"]["pipelineRef"]["name"])["spec"] for run in runs]
    verdicts = ask("validate", objects=runs)
    for run, pipeline, verdict, found in zip(runs, pipelines, verdicts, times_of(ask, runs, pipelines), strict=True):
        assert verdict["error"] == "", run["metadata"]["name"]
        allowed = verdict["admitted"]["spec"]["timeouts"]
        tasks, whole = seconds(allowed["tasks"]), seconds(allowed["pipeline"])
        for task in pipeline.get("finally", []):
            assert found.pop(task["name"]) == whole - tasks == 600
        for name, needed in least(given, run).items():
            assert found.get(name, needed) >= needed, (run["metadata"]["name"], name)
        for name in {"build", "tests"} & found.keys():
            assert found[name] == seconds(given["build"])
        assert sum(found.values()) <= tasks, f"{run['metadata']['name']} ends before its tasks have to"
        times |= found
    assert {"build", "tests", "stage", "restore", "promote", "needed", "clean"} <= times.keys()
