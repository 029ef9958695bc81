"""The setting `fetch`: the same history and memory wherever an application's repository is fetched to be tested or built."""

import pytest

from tests.support import Declared, Object, record_config, shipped_config

FETCHING = ("pipeline", "rebuild-pipeline", "fork-pipeline")


@pytest.fixture(scope="module")
def declared() -> Declared:
    config = shipped_config("staging")
    fetch = {
        "fetch": {"depth": 0, "tags": True, "memory": "1Gi"},
        "paths": ["build", "lib"],
        "dockerfile": "build/Dockerfile",
    }
    return record_config(
        config
        | {
            "applications": [config["applications"][0] | fetch],
            "environments": [config["environments"][0] | {"staleBase": "rebuild"}],
        }
    )


def fetching(declared: Declared, pipeline: str) -> Object:
    """The values that a Pipeline hands to the pod with the step `fetch`."""
    tasks = declared.one("Pipeline", pipeline)["spec"]["tasks"]
    (found,) = (task for task in tasks if task["name"] in ("build", "tests"))
    return {param["name"]: param["value"] for param in found["params"]} | {"task": found["taskRef"]["name"]}


def step(declared: Declared, task: str) -> Object:
    (first, *_) = declared.one("Task", task)["spec"]["steps"]
    assert first["name"] == "fetch"
    found: Object = first
    return found


@pytest.mark.parametrize("suffix", FETCHING)
def test_every_fetch_of_the_application_has_its_settings(declared: Declared, suffix: str) -> None:
    found = fetching(declared, f"chespirito-staging-{suffix}")
    assert (found["fetch-depth"], found["fetch-tags"], found["paths"]) == ("0", "true", "build\nlib")
    assert step(declared, found["task"])["computeResources"]["limits"]["memory"] == "1Gi"


def test_without_settings_it_is_one_commit_by_the_task_that_all_share(staging: Declared) -> None:
    found = fetching(staging, "chespirito-staging-pipeline")
    assert (found["fetch-depth"], found["fetch-tags"], found["paths"], found["task"]) == ("1", "false", "", "build")
    assert step(staging, "build")["computeResources"]["limits"]["memory"] == "256Mi"


def test_a_run_of_the_last_release_is_fetched_as_it_was(staging: Declared) -> None:
    """Its Pipeline says nothing of what this one adds."""
    defaults = {
        param["name"]: param["default"] for param in staging.one("Task", "build")["spec"]["params"] if "default" in param
    }
    assert defaults == {"fetch-depth": "1", "fetch-tags": "false", "paths": "", "source-url": "", "target": ""}
    assert [param["default"] for param in staging.one("Task", "stage")["spec"]["params"] if param["name"] == "ref"] == [""]


def test_memory_of_its_own_takes_a_task_of_its_own(declared: Declared) -> None:
    assert {"build-chespirito", "tests-chespirito"} <= set(declared.names("Task"))
