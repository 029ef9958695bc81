"""The pod that begins a delivery: two steps, and each holds what it needs and not the other's."""

from tests.support import Declared


def test_each_step_holds_its_own_credential(staging: Declared) -> None:
    steps = staging.one("Task", "begin")["spec"]["steps"]
    held = {step["name"]: [mount["name"] for mount in step["volumeMounts"]] for step in steps}
    assert held == {"supersede": ["kubernetes-api", "scratch-supersede"], "announce": ["forge-token", "scratch-announce"]}


def test_it_stands_in_nobodys_way(staging: Declared) -> None:
    """Beside the build: nothing runs after it, and a rejected pull request is not told that its run has started."""
    tasks = staging.one("Pipeline", "chespirito-staging-pipeline")["spec"]["tasks"]
    assert [task["name"] for task in tasks if "begin" in str(task.get("runAfter", "")) + str(task.get("when", ""))] == []
    rejected = staging.one("Pipeline", "chespirito-staging-rejected-pipeline")["spec"]["tasks"]
    assert [task["taskRef"]["name"] for task in rejected] == ["supersede", "restore", "clean"]
