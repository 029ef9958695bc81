"""What each step of each Task may see. A credential is mounted in the one step that needs it, and nowhere before."""

from collections.abc import Iterator

import pytest

from components.tasks.step import API_TOKEN_PATH, DOCKER_CONFIG_PATH
from tests.support import Declared, Object, source

# As scripts and as steps in Python call them.
REGISTRY_CLIENTS = ("crane ", "buildctl ", "cosign ", "oras ", '"crane"', '"cosign"', '"oras"')


def steps(stack: Declared) -> Iterator[tuple[str, Object, Object]]:
    """Where, Task and step, for every step of a stack."""
    for task in stack.all("Task"):
        for step in task["spec"]["steps"]:
            yield f"{task['metadata']['name']}/{step['name']}", task["spec"], step


def mounts(step: Object) -> dict[str, Object]:
    return {mount["name"]: mount for mount in step.get("volumeMounts", [])}


def code(step: Object) -> str:
    """A script, or the sources of a step in Python, without comments."""
    return "\n".join(line for line in source(step).splitlines() if not line.lstrip().startswith("#"))


def credentials(task: Object) -> set[str]:
    """The volumes of a Task that hold a secret or a token."""
    return {volume["name"] for volume in task["volumes"] if "secret" in volume or "projected" in volume}


def test_a_credential_is_mounted_read_only(stack: Declared) -> None:
    for where, task, step in steps(stack):
        for name, mount in mounts(step).items():
            if name in credentials(task):
                assert mount["readOnly"], where


def test_only_steps_that_call_the_api_server_hold_its_token(stack: Declared) -> None:
    found = 0
    for where, _, step in steps(stack):
        calls = "kubectl " in code(step) or "class Kubernetes" in code(step)
        found += calls
        assert (API_TOKEN_PATH in [mount["mountPath"] for mount in mounts(step).values()]) == calls, where
    assert found


def test_only_steps_that_call_a_registry_hold_its_credential(stack: Declared) -> None:
    found = 0
    for where, _, step in steps(stack):
        calls = any(client in code(step) for client in REGISTRY_CLIENTS)
        found += calls
        assert (DOCKER_CONFIG_PATH in [mount["mountPath"] for mount in mounts(step).values()]) == calls, where
        assert ({"name": "DOCKER_CONFIG", "value": DOCKER_CONFIG_PATH} in step["env"]) == calls, where
    assert found


def test_a_token_of_the_api_server_ends_within_an_hour(stack: Declared) -> None:
    for task in stack.all("Task"):
        for volume in task["spec"]["volumes"]:
            for held in volume.get("projected", {}).get("sources", []):
                if "serviceAccountToken" in held:
                    assert held["serviceAccountToken"]["expirationSeconds"] <= 3600


def test_no_step_reads_a_home_that_another_step_wrote(stack: Declared) -> None:
    """Steps of a pod share Tekton's home folder: a git or registry configuration left there would be believed."""
    for where, _, step in steps(stack):
        assert {"name": "HOME", "value": "/nonexistent"} in step["env"], where


def test_a_secret_is_never_an_environment_variable(stack: Declared) -> None:
    for where, _, step in steps(stack):
        assert not [entry for entry in step["env"] if "valueFrom" in entry], where
        assert "envFrom" not in step, where


def test_every_task_says_what_it_is_for_and_what_it_takes(stack: Declared) -> None:
    for task in stack.all("Task"):
        assert task["spec"]["description"].endswith(".")
        for param in [*task["spec"]["params"], *task["spec"].get("results", [])]:
            assert param["description"], f"{task['metadata']['name']}: {param['name']}"
            assert param["type"] == "string"


class TestBuild:
    """The pod with pull-request code: assume that everything in it is stolen."""

    @pytest.fixture
    def task(self, staging: Declared) -> Object:
        spec: Object = staging.one("Task", "build")["spec"]
        return spec

    def test_the_source_is_fetched_before_any_of_its_code_runs(self, task: Object) -> None:
        assert task["steps"][0]["name"] == "fetch"
        assert "$PARAM_TEST_COMMAND" not in task["steps"][0]["script"]

    def test_the_deploy_key_is_in_the_fetch_step_alone(self, task: Object) -> None:
        with_key = [step["name"] for step in task["steps"] if "workspaces" in step]
        assert with_key == ["fetch"]
        assert task["workspaces"][0]["readOnly"]

    def test_it_holds_no_token_and_no_credential_but_the_quarantines(self, task: Object) -> None:
        assert not [volume for volume in task["volumes"] if "projected" in volume]
        assert {volume["secret"]["secretName"] for volume in task["volumes"] if "secret" in volume} == {"quarantine-push"}

    def test_tests_see_no_credential(self, task: Object) -> None:
        (test,) = [step for step in task["steps"] if step["name"] == "test"]
        assert not mounts(test).keys() & credentials(task)

    def test_what_was_fetched_is_what_is_built(self, task: Object) -> None:
        """Steps after the first mount the checkout read-only."""
        for step in task["steps"][1:]:
            assert mounts(step)["source"]["readOnly"], step["name"]


class TestTrusted:
    """The pods that may change what runs."""

    @pytest.mark.parametrize(("stack", "name"), [("staging", "stage"), ("production", "promote")])
    def test_no_code_of_a_pull_request_runs_there(self, stacks: dict[str, Declared], stack: str, name: str) -> None:
        task = stacks[stack].one("Task", name)["spec"]
        assert "source" not in {volume["name"] for volume in task["volumes"]}
        for step in task["steps"]:
            assert "sh -c" not in code(step)
            assert "eval" not in code(step)

    def test_production_never_builds(self, production: Declared) -> None:
        for where, _, step in steps(production):
            assert "buildctl" not in code(step), where
            assert "crane copy" not in code(step), where
