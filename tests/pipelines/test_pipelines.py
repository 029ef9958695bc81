"""Pipelines: where trust changes, who runs as whom, and that the end is always told."""

from tests.sink import deliver
from tests.support import LONGEST_NAME, Declared, Object, several_applications
from tests.test_routing import payload

EVENTS = {"staging": "opened", "production": "closed_merged"}


def pipeline(stack: Declared) -> Object:
    spec: Object = stack.one("Pipeline", f"chespirito-{stack.recording.stack}-pipeline")["spec"]
    return spec


def run(stack: Declared) -> Object:
    (found,) = deliver(stack, payload("gitea", EVENTS[stack.recording.stack]))
    return found


def params(task: Object) -> dict[str, str]:
    return {param["name"]: param["value"] for param in task["params"]}


def named(pipeline: Object, name: str) -> Object:
    (found,) = [task for task in [*pipeline["tasks"], *pipeline["finally"]] if task["name"] == name]
    assert isinstance(found, dict)
    return found


def test_whatever_happens_the_end_is_reported(single: Declared) -> None:
    report = named(pipeline(single), "report")
    assert report in pipeline(single)["finally"]
    assert params(report)["status"] == "$(tasks.status)"


def test_every_pod_of_a_run_has_the_account_of_its_job(single: Declared) -> None:
    accounts = {spec["pipelineTaskName"]: spec["serviceAccountName"] for spec in run(single)["spec"]["taskRunSpecs"]}
    expected = {"build": "untrusted", "stage": "deployer", "promote": "deployer", "report": "reporter"}
    assert {name: account for name, account in accounts.items() if name in expected} == {
        name: account for name, account in expected.items() if name in accounts
    }
    assert accounts.keys() >= {"report"}


def test_pull_request_code_runs_in_a_pod_of_its_own(staging: Declared) -> None:
    tasks = [task["name"] for task in pipeline(staging)["tasks"]]
    assert {"build", "stage"} <= set(tasks)
    untrusted = [
        spec["pipelineTaskName"]
        for spec in run(staging)["spec"]["taskRunSpecs"]
        if spec["serviceAccountName"] == "untrusted"
    ]
    assert untrusted == ["build"]


def test_the_trusted_pod_takes_the_digest_and_never_a_tag(staging: Declared) -> None:
    assert params(named(pipeline(staging), "stage"))["digest"] == "$(tasks.build.results.digest)"


def test_untrusted_code_writes_to_quarantine_only(staging: Declared) -> None:
    build, stage = named(pipeline(staging), "build"), named(pipeline(staging), "stage")
    assert params(build)["image"] == params(stage)["quarantine-image"] == "quarantine.internal:5001/chespirito"
    assert params(stage)["image"] == "registry.internal:5000/chespirito"
    assert "registry.internal" not in str(params(build)["image"])


def test_a_merge_is_promoted_without_a_build(production: Declared) -> None:
    assert [task["name"] for task in pipeline(production)["tasks"]] == ["promote"]


def test_tasks_are_this_projects_own(single: Declared) -> None:
    """No catalog, hub or remote resolver at run time."""
    for task in [*pipeline(single)["tasks"], *pipeline(single)["finally"]]:
        assert task["taskRef"] == {"kind": "Task", "name": task["name"]}


def test_the_repository_and_its_commands_come_from_the_settings(staging: Declared) -> None:
    build = params(named(pipeline(staging), "build"))
    assert build["repository-url"] == "ssh://git@forge.internal:2222/acme/chespirito.git"
    assert build["test-command"] == "sh test.sh"
    assert "$(" not in "".join(value for name, value in build.items() if name != "head-sha")


def test_build_arguments_are_lines_in_a_stable_order() -> None:
    pipeline = several_applications().one("Pipeline", "shop-staging-pipeline")["spec"]
    base, text, zero = params(named(pipeline, "build"))["build-args"].split("\n")
    assert base.startswith("BASE=registry.internal:5000/platform/base@sha256:")
    assert (text, zero) == ("TEXT=a b=c", "ZERO=0")


def test_each_application_has_its_pipelines_and_they_share_the_tasks(staging: Declared) -> None:
    several = several_applications()
    assert several.names("Pipeline") == sorted(
        pipeline.replace("chespirito", application)
        for pipeline in staging.names("Pipeline")
        for application in ("chespirito", "shop", LONGEST_NAME)
    )
    assert several.names("Task") == staging.names("Task")


def test_a_pod_with_pull_request_code_has_a_deadline(staging: Declared) -> None:
    for name in ("chespirito-staging-pipeline", "chespirito-staging-rebuild-pipeline"):
        assert named(staging.one("Pipeline", name)["spec"], "build")["timeout"] == "20m0s"
