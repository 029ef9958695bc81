"""staleBase: rebuild. Staging hears of merges too, builds what they made where nobody tested it, and production waits."""

from typing import Any

import pytest

from tests.closure import run_problems
from tests.sink import deliver
from tests.support import Declared, Object, record_config, shipped_config
from tests.test_routing import payload


def with_rebuild(stack: str) -> Declared:
    config = shipped_config(stack)
    return record_config(config | {"environments": [config["environments"][0] | {"staleBase": "rebuild"}]})


@pytest.fixture(scope="module")
def rebuilding() -> dict[str, Declared]:
    return {name: with_rebuild(name) for name in ("staging", "production")}


def values(holder: Object) -> dict[str, Any]:
    return {param["name"]: param["value"] for param in holder["params"]}


def tasks(stack: Declared) -> dict[str, Object]:
    spec = stack.one("Pipeline", "chespirito-staging-rebuild-pipeline")["spec"]
    return {task["name"]: task for task in (*spec["tasks"], *spec["finally"])}


def test_staging_hears_of_merges(rebuilding: dict[str, Declared]) -> None:
    body = payload("gitea", "closed_merged")
    (run,) = deliver(rebuilding["staging"], body)
    assert run["spec"]["pipelineRef"]["name"] == "chespirito-staging-rebuild-pipeline"
    assert values(run["spec"])["merge-sha"] == body["pull_request"]["merge_commit_sha"]
    assert values(run["spec"])["head-sha"] == body["pull_request"]["head"]["sha"]


def test_the_run_fits_its_pipeline(rebuilding: dict[str, Declared]) -> None:
    (run,) = deliver(rebuilding["staging"], payload("gitea", "closed_merged"))
    assert list(run_problems(rebuilding["staging"], run)) == []


def test_of_what_was_closed_unmerged_nothing_is_rebuilt(rebuilding: dict[str, Declared]) -> None:
    (run,) = deliver(rebuilding["staging"], payload("gitea", "closed_unmerged"))
    assert run["spec"]["pipelineRef"]["name"] == "chespirito-staging-rejected-pipeline"


def test_by_default_staging_does_not_hear_of_merges_but_can_be_asked(staging: Declared) -> None:
    assert deliver(staging, payload("gitea", "closed_merged")) == []
    assert "chespirito-staging-rebuild-pipeline" in staging.names("Pipeline")


def test_the_merge_commit_goes_through_the_pods_of_a_pull_request(rebuilding: dict[str, Declared]) -> None:
    found = tasks(rebuilding["staging"])
    assert list(found) == ["needed", "build", "stage", "report"]
    assert values(found["needed"])["commit"] == "$(params.merge-sha)"
    assert values(found["needed"])["merged-head"] == "$(params.head-sha)"
    for name in ("build", "stage"):
        assert values(found[name])["head-sha"] == "$(params.merge-sha)", name
    (run,) = deliver(rebuilding["staging"], payload("gitea", "closed_merged"))
    accounts = {item["pipelineTaskName"]: item["serviceAccountName"] for item in run["spec"]["taskRunSpecs"]}
    assert accounts == {"build": "untrusted", "stage": "deployer", "report": "reporter"}
    build = next(item for item in run["spec"]["taskRunSpecs"] if item["pipelineTaskName"] == "build")
    assert build["podTemplate"]["hostUsers"] is False


def test_where_nothing_is_rebuilt_the_status_of_the_pull_request_stays(rebuilding: dict[str, Declared]) -> None:
    found = tasks(rebuilding["staging"])
    assert found["build"]["when"] == found["report"]["when"]
    assert values(found["report"])["head-sha"] == "$(params.head-sha)", "where people look"


def test_a_rebuild_cancels_no_run_of_the_pull_request(rebuilding: dict[str, Declared]) -> None:
    """One that is under way may be the very one whose mark production waits for."""
    assert "supersede" not in tasks(rebuilding["staging"])


@pytest.mark.parametrize(("name", "expected"), [("refuse", "refuse"), ("rebuild", "rebuild")])
def test_production_waits_only_where_staging_rebuilds(
    rebuilding: dict[str, Declared], production: Declared, name: str, expected: str
) -> None:
    stack = rebuilding["production"] if name == "rebuild" else production
    (prove,) = stack.one("Task", "promote")["spec"]["steps"]
    assert {"name": "STALE_BASE", "value": expected} in prove["env"]
