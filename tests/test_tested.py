"""How an application is tested: in an image of its own, with reports that are read, or by a stage of its Dockerfile."""

from typing import Any

import pytest

from components.conventions import restricted
from offline.policy import violations
from tests.admission import refusals
from tests.closure import run_problems
from tests.sink import COMMENT, deliver
from tests.support import Declared, Object, record_config, shipped_config
from tests.test_fork import comment
from tests.test_routing import payload

IMAGE = f"registry.example/node@sha256:{'7' * 64}"
IN_AN_IMAGE = {"command": "npm $TESTS", "image": IMAGE, "user": 1000, "reports": ["junit.xml", "reports/**/*.tap"]}
POLICY = "tekton-delivery-staging-pods"


def declared_with(tests: Object, *, forks: bool = True, **more: Any) -> Declared:
    """The shipped staging with an application tested like that, and one that is tested as all are."""
    staging = shipped_config("staging")
    application = {name: value for name, value in staging["applications"][0].items() if name != "testCommand"}
    forge = staging["forge"] if forks else {name: value for name, value in staging["forge"].items() if name != "okToTest"}
    plain = {"name": "shop", "repository": "acme/shop", "tests": {"command": "true"}}
    return record_config(staging | {"forge": forge, "applications": [application | {"tests": tests} | more, plain]})


@pytest.fixture(scope="module")
def in_an_image() -> Declared:
    return declared_with(IN_AN_IMAGE)


@pytest.fixture(scope="module")
def by_a_stage() -> Declared:
    return declared_with({"stage": "test"}, forks=False)


def task(declared: Declared, name: str) -> Object:
    spec: Object = declared.one("Task", name)["spec"]
    return spec


def named(items: list[Object]) -> dict[str, Object]:
    return {item["name"]: item for item in items}


def env(step: Object) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in step["env"]}


@pytest.mark.parametrize("name", ["build-chespirito", "tests-chespirito"])
def test_tests_run_in_the_image_that_is_named_and_no_other_step_does(in_an_image: Declared, name: str) -> None:
    steps = named(task(in_an_image, name)["steps"])
    assert {step for step, spec in steps.items() if spec.get("image") == IMAGE} == {"test"}
    test, volumes = steps["test"], named(task(in_an_image, name)["volumes"])
    assert test["securityContext"] == restricted(1000)
    assert [(item["name"], item["mountPath"], item.get("readOnly", False)) for item in test["volumeMounts"]] == [
        ("source", "/source", True),
        ("test", "/test", False),
        ("test-tmp", "/tmp", False),
    ]
    assert all("emptyDir" in volumes[item["name"]] for item in test["volumeMounts"])
    assert {key: env(test)[key] for key in ("USER", "LOGNAME", "TMPDIR")} == {
        "USER": "tests",
        "LOGNAME": "tests",
        "TMPDIR": "/tmp",
    }


@pytest.mark.parametrize(("name", "after"), [("build-chespirito", ["image"]), ("tests-chespirito", [])])
def test_reports_are_read_once_the_tests_have_ended_however_that_was(
    in_an_image: Declared, name: str, after: list[str]
) -> None:
    spec = task(in_an_image, name)
    steps = named(spec["steps"])
    assert list(steps) == ["fetch", "test", "reports", *after]
    assert [step for step, made in steps.items() if made.get("onError")] == ["test"]
    reads = steps["reports"]
    assert reads["securityContext"] == restricted(1000) | {"readOnlyRootFilesystem": True}
    assert env(reads)["REPORTS"] == "junit.xml\nreports/**/*.tap"
    assert "tests" in named(spec["results"])
    assert [item["name"] for item in reads["volumeMounts"]] == ["test", "steps", "scratch-reports"]
    assert reads["volumeMounts"][0]["readOnly"]


def test_a_command_alone_runs_as_ever(in_an_image: Declared, staging: Declared) -> None:
    assert task(in_an_image, "build") == task(staging, "build")
    assert {"build-shop", "tests-shop"}.isdisjoint(in_an_image.names("Task"))
    pipeline = in_an_image.one("Pipeline", "shop-staging-pipeline")["spec"]
    (given,) = (item for item in named(pipeline["tasks"])["build"]["params"] if item["name"] == "test-command")
    assert given["value"] == "true"


def test_the_command_reaches_its_step_by_the_pipeline_as_it_is(in_an_image: Declared) -> None:
    for pipeline, work in (("pipeline", "build"), ("rebuild-pipeline", "build"), ("fork-pipeline", "tests")):
        spec = in_an_image.one("Pipeline", f"chespirito-staging-{pipeline}")["spec"]
        found = named(spec["tasks"])[work]
        assert found["taskRef"]["name"] == f"{work}-chespirito"
        assert named(found["params"])["test-command"]["value"] == "npm $$TESTS"


def test_a_stage_is_built_where_the_image_is_and_has_no_step_of_its_own(by_a_stage: Declared) -> None:
    spec = task(by_a_stage, "build-chespirito")
    steps = named(spec["steps"])
    assert list(steps) == ["fetch", "image"]
    assert env(steps["image"])["TEST_STAGE"] == "test"
    assert "test" not in named(spec["volumes"])
    assert "test-command" not in named(spec["params"])
    assert env(named(task(by_a_stage, "build")["steps"])["image"])["TEST_STAGE"] == ""


def test_pull_request_code_begins_where_the_stage_is_built(by_a_stage: Declared) -> None:
    """What comes after that counts as stolen: offline/reachability.py."""
    key = "tekton-delivery/untrusted-from"
    assert by_a_stage.one("Task", "build-chespirito")["metadata"]["annotations"] == {key: "image"}
    assert by_a_stage.one("Task", "build")["metadata"]["annotations"] == {key: "test"}


@pytest.mark.parametrize("how", ["in_an_image", "by_a_stage"])
def test_runs_fit_their_pipelines_and_tasks(how: str, request: Any) -> None:
    declared = request.getfixturevalue(how)
    (run,) = deliver(declared, payload("gitea", "opened"))
    assert list(run_problems(declared, run)) == []
    for run in deliver(declared, comment("gitea"), header=COMMENT):
        assert list(run_problems(declared, run)) == []
    assert [f"{found.policy}: {found.message}" for found in violations(declared.recording)] == []


def pod(container: str, image: str, account: str = "untrusted") -> Object:
    made = {"name": container, "image": image, "securityContext": restricted(1000)}
    return {
        "spec": {
            "serviceAccountName": account,
            "hostUsers": False,
            "automountServiceAccountToken": False,
            "containers": [made],
        }
    }


DECLARED_IMAGES = "the images that the stack declares for tests run in step-test alone, and it runs no other"


def test_admission_lets_the_named_image_run_the_tests_and_nothing_else(in_an_image: Declared, staging: Declared) -> None:
    other = IMAGE.replace("7", "8")
    assert refusals(in_an_image, POLICY, pod("step-test", IMAGE)) == []
    tools = task(in_an_image, "build")["stepTemplate"]["image"]
    assert refusals(in_an_image, POLICY, pod("step-test", tools)) == [], "those of the other application"
    assert refusals(in_an_image, POLICY, pod("step-fetch", tools)) == []
    assert refusals(in_an_image, POLICY, pod("step-test", other)) == [DECLARED_IMAGES]
    assert refusals(in_an_image, POLICY, pod("step-fetch", IMAGE)) == [DECLARED_IMAGES]
    assert refusals(in_an_image, POLICY, pod("step-test", other, "deployer")) == [], "it is about pull-request code"
    assert refusals(staging, POLICY, pod("step-test", other)) == [], "nobody names an image"


def test_an_image_that_other_containers_run_may_be_named_for_tests(staging: Declared) -> None:
    tools, builder = ({"file": f".local/images/{name}"} for name in ("tools", "builder"))
    service = {"image": IMAGE}
    for image, container in ((tools, "step-fetch"), (builder, "step-image"), (IMAGE, "sidecar-db")):
        declared = declared_with({"command": "true", "image": image}, services={"db": service})
        (test,) = (item for item in task(declared, "build-chespirito")["steps"] if item["name"] == "test")
        for name in (container, "step-test"):
            told = refusals(declared, POLICY, pod(name, test["image"]))
            assert DECLARED_IMAGES not in told, name
