"""The pod that begins a delivery: one step, which runs nobody's code."""

from tests.support import Declared


def test_it_holds_what_cancels_runs_and_what_tells_of_it(staging: Declared) -> None:
    (step,) = staging.one("Task", "begin")["spec"]["steps"]
    assert [mount["name"] for mount in step["volumeMounts"]] == ["kubernetes-api", "forge-token", "steps", "scratch-begin"]
    assert "script" not in step


def test_it_stands_in_nobodys_way(staging: Declared) -> None:
    """Beside the build: nothing runs after it, and a rejected pull request is not told that its run has started."""
    tasks = staging.one("Pipeline", "chespirito-staging-pipeline")["spec"]["tasks"]
    assert [task["name"] for task in tasks if "begin" in str(task.get("runAfter", "")) + str(task.get("when", ""))] == []
    rejected = staging.one("Pipeline", "chespirito-staging-rejected-pipeline")["spec"]["tasks"]
    assert [task["taskRef"]["name"] for task in rejected] == ["supersede", "restore", "clean"]
