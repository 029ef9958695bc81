"""Services: containers beside the tests of one application, wherever its tests run, and with nothing of their pod."""

from pathlib import Path

import pytest

from components.conventions import restricted
from offline.policy import violations
from tests.closure import run_problems
from tests.golden import make
from tests.sink import COMMENT, deliver
from tests.support import LONGEST_NAME, SERVICE_IMAGE, Declared, Object, with_services
from tests.test_fork import comment
from tests.test_routing import payload

OWN = ("build-chespirito", "tests-chespirito")


@pytest.fixture(scope="module")
def declared() -> Declared:
    return with_services()


def task(declared: Declared, name: str) -> Object:
    spec: Object = declared.one("Task", name)["spec"]
    return spec


def named(items: list[Object]) -> dict[str, Object]:
    return {item["name"]: item for item in items}


@pytest.mark.parametrize("name", OWN)
def test_a_service_runs_as_its_settings_say(declared: Declared, name: str) -> None:
    services = named(task(declared, name)["sidecars"])
    assert list(services) == ["db", "cache", "idle"]
    assert services["db"] == {
        "name": "db",
        "image": SERVICE_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-c", "fsync=off"],
        "env": [{"name": "POSTGRES_HOST_AUTH_METHOD", "value": "trust"}],
        "computeResources": {
            "requests": {"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "1Mi"},
            "limits": {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "2Gi"},
        },
        "securityContext": restricted(999),
        "volumeMounts": [
            {"name": "service-db-0", "mountPath": "/var/lib/data"},
            {"name": "service-db-1", "mountPath": "/run/db"},
        ],
    }
    assert services["cache"]["command"] == ["nc", "-l"]
    assert services["idle"]["securityContext"] == restricted()
    assert services["idle"]["image"].startswith("registry.internal:5000/platform/base@sha256:")


@pytest.mark.parametrize("name", OWN)
def test_a_service_shares_nothing_with_the_steps(declared: Declared, name: str) -> None:
    spec = task(declared, name)
    of_services = {mount["name"] for service in spec["sidecars"] for mount in service.get("volumeMounts", [])}
    of_steps = {mount["name"] for step in spec["steps"] for mount in step.get("volumeMounts", [])}
    assert of_services
    assert of_services.isdisjoint(of_steps)
    volumes = named(spec["volumes"])
    assert all(volumes[name] == {"name": name, "emptyDir": {"sizeLimit": "2Gi"}} for name in of_services)
    # Tekton gives a workspace to every step and sidecar, unless one of them names it as its own.
    assert [workspace["name"] for workspace in spec["workspaces"]] == ["ssh-directory"]
    assert [workspace["name"] for step in spec["steps"] for workspace in step.get("workspaces", [])] == ["ssh-directory"]


@pytest.mark.parametrize(("name", "after"), [("build-chespirito", ["test", "image"]), ("tests-chespirito", ["test"])])
def test_the_tests_start_once_each_service_that_says_how_is_ready(declared: Declared, name: str, after: list[str]) -> None:
    steps = named(task(declared, name)["steps"])
    assert list(steps) == ["fetch", "await-db", "await-cache", *after]
    env = {item["name"]: item.get("value") for item in steps["await-db"]["env"]}
    assert env == {"HOME": "/nonexistent", "SERVICE": "db", "PORT": "5432", "HTTP_PATH": None, "READY_SECONDS": "90"}
    env = {item["name"]: item.get("value") for item in steps["await-cache"]["env"]}
    assert (env["HTTP_PATH"], env["READY_SECONDS"]) == ("/up", "120")


def test_an_application_without_services_shares_its_task(declared: Declared) -> None:
    for name in ("build", "tests"):
        assert "sidecars" not in task(declared, name)
        assert [step for step in named(task(declared, name)["steps"]) if step.startswith("await-")] == []
    assert {f"{name}-shop" for name in ("build", "tests")}.isdisjoint(declared.names("Task"))


@pytest.mark.parametrize(
    ("suffix", "work"), [("pipeline", "build"), ("rebuild-pipeline", "build"), ("fork-pipeline", "tests")]
)
def test_whatever_runs_an_applications_tests_runs_its_services(declared: Declared, suffix: str, work: str) -> None:
    for application, expected in (("chespirito", f"{work}-chespirito"), ("shop", work)):
        pipeline = declared.one("Pipeline", f"{application}-staging-{suffix}")["spec"]
        assert named(pipeline["tasks"])[work]["taskRef"] == {"kind": "Task", "name": expected}


def test_runs_fit_their_pipelines_and_tasks(declared: Declared) -> None:
    for event in ("opened", "closed_merged"):
        (run,) = deliver(declared, payload("gitea", event))
        assert list(run_problems(declared, run)) == []
    (run,) = deliver(declared, comment("gitea"), header=COMMENT)
    assert list(run_problems(declared, run)) == []


def test_what_pull_request_code_may_reach_is_known_of_its_task_too(declared: Declared) -> None:
    for name in OWN:
        assert declared.one("Task", name)["metadata"]["annotations"] == {"tekton-delivery/untrusted-from": "test"}


def test_an_environment_that_promotes_runs_no_tests_and_no_services(stacks: dict[str, Declared]) -> None:
    everything = stacks["everything"]
    found = [item["metadata"]["namespace"] for item in everything.all("Task") if "sidecars" in item["spec"]]
    assert found == ["test-ci"]


def test_names_fit_at_their_longest(declared: Declared) -> None:
    """Tekton cuts a container's name at 63 characters and would call the step or sidecar otherwise then."""
    (service,) = task(declared, f"build-{LONGEST_NAME}")["sidecars"]
    assert len(f"sidecar-{service['name']}") <= 63
    assert max(len(name) for name in declared.names("Task")) <= 63


def test_the_policy_pack_has_nothing_against_it(declared: Declared) -> None:
    assert [f"{found.policy}: {found.message}" for found in violations(declared.recording)] == []


def test_names_of_what_was_there_before_stay(declared: Declared) -> None:
    golden = Path(make.__file__).with_name("staging.urns").read_text().splitlines()
    agreed = {urn.partition("::")[2] for urn in golden if "pulumi:pulumi:Stack" not in urn}
    assert agreed
    assert agreed - {resource.urn.partition("::")[2] for resource in declared.resources} == set()
