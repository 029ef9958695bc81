"""Two applications in one repository, in a stack of their own: each is delivered for what lies in its paths, and asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.follow import follow
from local.forge.client import PullRequest
from local.kubernetes_api import Object, wait_until
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.world import World

LISTENER = "el-mono-github-el"
SHARED = ["Dockerfile", "render.sh", "serve.sh", "test.sh"]


def two_applications(settings: dict[str, Any]) -> None:
    settings["listener"] = {"name": LISTENER.removeprefix("el-")}
    for environment, name in zip(settings["environments"], ("mono", "mono-live"), strict=True):
        environment |= {"name": name, "nodePorts": {}}
    settings["environments"][1]["promotesFrom"] = "mono"
    (first,) = settings["applications"]
    check = {"path": "/", "contains": "revision", "timeout": "10s"}
    settings["applications"] = [
        first | {"paths": [*SHARED, "message.txt"]},
        first | {"name": "extra", "paths": [*SHARED, "extra.txt"], "smokeCheck": check},
    ]


@pytest.fixture(scope="module")
def mono(world: World, pulumi: Pulumi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    file = altered("both", tmp_path_factory.mktemp("mono"), two_applications)
    with stack(pulumi, "mono", file), heard(world, "mono", "mono", LISTENER):
        yield


def ended(world: World, environment: str, pull_request: PullRequest) -> dict[str, Object]:
    """The runs of a pull request, one for each application, once they have succeeded."""

    def started() -> dict[str, Object]:
        found = world.kubernetes.runs(f"{environment}-ci", pull_request=str(pull_request.number))
        return {run["metadata"]["labels"]["app.kubernetes.io/name"]: run for run in found}

    wait_until(lambda: len(started()) == 2, 30, f"{environment} has not started a run for each application")
    runs = started()
    for run in runs.values():
        succeeded, told = follow(world.kubernetes, run, world.log.append)
        assert succeeded, told
    return runs


def images(world: World, environment: str) -> dict[str, str]:
    return {
        name: world.kubernetes.deployment(environment, f"{name}-pod").spec.template.spec.containers[0].image
        for name in ("chespirito", "extra")
    }


@pytest.mark.usefixtures("mono")
def test_each_application_is_delivered_for_what_lies_in_its_paths(world: World) -> None:
    before = {environment: images(world, environment) for environment in ("mono", "mono-live")}
    pull_request = world.open({"extra.txt": "For one of the two\n"})
    runs = ended(world, "mono", pull_request)
    tasks = {
        name: {
            item["metadata"]["labels"]["tekton.dev/pipelineTask"]
            for item in world.kubernetes.task_runs("mono-ci", run["metadata"]["name"])
        }
        for name, run in runs.items()
    }
    assert {"build", "stage"} <= tasks["extra"]
    assert tasks["chespirito"] == {"begin", "needed", "report"}
    staged = images(world, "mono")
    assert staged["chespirito"] == before["mono"]["chespirito"]
    assert "/extra@sha256:" in staged["extra"]
    assert world.status("mono/extra", pull_request.head_sha)[0] == "success"
    assert world.status("mono/chespirito", pull_request.head_sha)[1].startswith("nothing to stage: it does not touch")
    assert world.status("promotable/chespirito", pull_request.head_sha)[0] == "success"

    world.merge(pull_request)
    ended(world, "mono-live", pull_request)
    live = images(world, "mono-live")
    assert live == {"chespirito": before["mono-live"]["chespirito"], "extra": staged["extra"]}
    assert "the merge does not touch" in world.status("mono-live/chespirito", pull_request.head_sha)[1]
