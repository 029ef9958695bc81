"""operate rebuild: the merge commit goes through staging's own pods, and only then is the promotion started anew."""

import subprocess
import sys
from typing import Any

import pytest
from kubernetes import client

from components.conventions import Manifest
from components.pipelines import rebuild as pipeline
from components.tasks.git import NAMES, binding
from operate import __main__ as command
from operate import rebuild, runs
from operate.errors import OperateError
from operate.rebuild import rebuild_merge
from operate.target import Target
from tests.operate.cluster import NAME, Memory, run, task_run
from tests.support import ROOT

MERGE = {"head-sha": "a" * 40, "pull-request": "3", "merge-sha": "b" * 40, "merged-by": "bob"}


class Staging(Memory):
    """An environment in whose cluster a run ends as soon as it is there."""

    succeeds = True

    def __init__(self, environment: str, *, credential: str | None = "ssh-directory", told: bool = False) -> None:
        super().__init__(environment)
        self._params = [{"name": name, "value": "x"} for name in sorted(NAMES)] if told else []
        self._workspaces = [{"name": credential}] if credential else []

    def tekton(self, environment: str, plural: str, name: str) -> Manifest:
        assert (environment, plural, name) == (
            self.environment,
            "pipelines",
            f"shop-{self.environment}-rebuild-pipeline",
        )
        tasks = [{"name": "build", "timeout": "12h0m0s", "params": self._params}, {"name": "stage", "timeout": "1h30m0s"}]
        return {"spec": {"tasks": tasks} | ({"workspaces": self._workspaces} if self._workspaces else {})}

    def create_run(self, environment: str, body: Manifest) -> None:
        super().create_run(environment, body)
        condition = {"status": "True" if self.succeeds else "False", "message": "Tasks Completed: 1 (Failed: 1)"}
        created = body["metadata"] | {"creationTimestamp": "2026-11-22T13:00:00Z"}
        self.pipeline_runs = [
            *self.pipeline_runs,
            body | {"metadata": created, "status": {"completionTime": "now", "conditions": [condition]}},
        ]


def target(cluster: Memory, environment: str) -> Target:
    return Target(cluster, environment, "shop", NAME)


def refused(**changed: Any) -> Manifest:
    """The promotion of a merge that production refused."""
    made = run(3, "12:01:00", event="merge", **changed)
    made["spec"]["params"] = [{"name": name, "value": value} for name, value in MERGE.items()]
    return made


@pytest.fixture
def production() -> Memory:
    made = Memory("production")
    made.pipeline_runs = [refused()]
    return made


def test_staging_builds_the_merge_commit_whatever_it_built_before(production: Memory) -> None:
    staging, told = Staging("staging"), list[str]()
    promotion = rebuild_merge(target(staging, "staging"), target(production, "production"), 3, told.append)
    (made,) = staging.created
    assert made["spec"]["pipelineRef"] == {"name": "shop-staging-rebuild-pipeline"}
    values = {param["name"]: param["value"] for param in made["spec"]["params"]}
    assert values == {name: MERGE[name] for name in ("head-sha", "pull-request", "merge-sha")} | {"always": "yes"}
    assert promotion["metadata"]["name"] == refused()["metadata"]["name"]
    assert made["metadata"]["name"] in told[0]
    assert production.created == [], "that is the command's next step"


def test_where_the_base_branch_has_moved_on_staging_builds_what_it_has_and_that_is_promoted(production: Memory) -> None:
    """What the merge made would be refused again. The step that asked which commit the branch has is believed."""
    asked = task_run(production.pipeline_runs[0], "main has moved on since this merge")
    asked["status"]["results"].append({"name": "base", "value": "c" * 40})
    forged = task_run(production.pipeline_runs[0], "", account="untrusted")
    forged["status"]["results"].append({"name": "base", "value": "d" * 40})
    production.task_runs = [forged, asked]
    staging, told = Staging("staging"), list[str]()
    promotion = rebuild_merge(target(staging, "staging"), target(production, "production"), 3, told.append)
    (made,) = staging.created
    assert {param["name"]: param["value"] for param in made["spec"]["params"]}["merge-sha"] == "c" * 40
    values = {param["name"]: param["value"] for param in promotion["spec"]["params"]}
    assert values == MERGE | {"merge-sha": "c" * 40}
    assert production.pipeline_runs == [refused()], "what was asked for stays as it is"
    assert "what the base branch has" in told[0]


@pytest.mark.parametrize(
    ("credential", "told"), [("ssh-directory", False), ("ssh-directory", True), ("basic-auth", True), (None, False)]
)
def test_a_run_by_hand_is_what_the_pipeline_declares(credential: str | None, told: bool) -> None:
    staging = Staging("staging", credential=credential, told=told)
    rebuild.start(target(staging, "staging"), MERGE)
    (made,) = staging.created
    bound = binding(credential, by_params=told) if credential else None
    assert made["spec"].items() >= pipeline.run(bound).items()
    assert made["spec"]["timeouts"] == {"tasks": "13h30m0s", "pipeline": "13h40m0s"}
    assert tuple(param["name"] for param in made["spec"]["params"]) == (*pipeline.PARAMS, pipeline.ALWAYS["name"])


def test_who_operates_needs_no_pulumi() -> None:
    code = "import sys, operate.__main__; sys.exit(any(name.split('.')[0].startswith('pulumi') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(("named", "wanted"), [((), "preview"), (("--in", "staging"), "staging")])
def test_it_is_rebuilt_in_the_environment_that_the_stack_promotes_from(
    production: Memory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    named: tuple[str, ...],
    wanted: str,
) -> None:
    production.declared["vouched-by"] = "preview"
    monkeypatch.setattr(
        command, "Cluster", lambda context, namespace=None: Staging(wanted) if context == "other" else production
    )
    code = command.main(["rebuild", "production", "shop", "3", *named, "--in-context", "other"])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert f"; {wanted} shop rebuilds what was merged" in said.out


def test_what_a_stack_of_an_older_version_promotes_from_has_to_be_named(
    production: Memory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    production.declared = {}
    monkeypatch.setattr(command, "Cluster", lambda context, namespace=None: production)
    assert command.main(["rebuild", "production", "shop", "3"]) == 1
    assert "name the environment that it promotes from with --in" in capsys.readouterr().err


def test_a_failed_rebuild_promotes_nothing_and_says_why(production: Memory) -> None:
    staging = Staging("staging")
    staging.succeeds = False
    with pytest.raises(OperateError, match=r"failed, so nothing is promoted: Tasks Completed: 1 \(Failed: 1\)"):
        rebuild_merge(target(staging, "staging"), target(production, "production"), 3, lambda text: None)


def test_what_a_step_says_is_the_reason() -> None:
    staging = Staging("staging")
    name = rebuild.start(target(staging, "staging"), MERGE)
    staging.task_runs = [task_run(staging.pipeline_runs[0], "queued: staging is held by ana: by hand")]
    assert runs.reasons(target(staging, "staging"))[name] == "queued: staging is held by ana: by hand"


def test_what_was_not_merged_is_not_rebuilt(production: Memory) -> None:
    production.pipeline_runs = [run(3, "12:01:00")]
    staging = Staging("staging")
    with pytest.raises(OperateError, match="has not heard of a merge of #3"):
        rebuild_merge(target(staging, "staging"), target(production, "production"), 3, lambda text: None)
    assert staging.created == []


def test_a_promotion_that_goes_on_is_left_alone(production: Memory) -> None:
    production.pipeline_runs = [refused(ended=False)]
    with pytest.raises(OperateError, match="has not ended"):
        rebuild_merge(target(Staging("staging"), "staging"), target(production, "production"), 3, lambda text: None)


class Middle(Memory):
    """An environment of a chain: it builds nothing, and promotes from staging."""

    def __init__(self) -> None:
        super().__init__("pre")
        self.declared["vouched-by"] = "staging"
        self.pipeline_runs = [refused()]

    def tekton(self, environment: str, plural: str, name: str) -> Manifest:
        if name.endswith("-rebuild-pipeline"):
            raise client.ApiException(status=404)
        return super().tekton(environment, plural, name)


def clusters(monkeypatch: pytest.MonkeyPatch, *there: Memory) -> None:
    """One cluster with several environments."""
    known = {each.environment: each for each in there}

    def found(cluster: object, environment: str, application: str) -> Target:
        return target(known[environment], environment)

    monkeypatch.setattr(command, "target", found)
    monkeypatch.setattr(rebuild, "target", found)
    monkeypatch.setattr(command, "Cluster", lambda context, namespace=None: there[0])


def test_in_a_chain_it_is_rebuilt_where_it_is_built_and_goes_through_each_environment(
    production: Memory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    production.declared["vouched-by"] = "pre"
    asked = task_run(production.pipeline_runs[0], "main has moved on since this merge")
    asked["status"]["results"].append({"name": "base", "value": "c" * 40})
    production.task_runs = [asked]
    middle, staging = Middle(), Staging("staging")
    clusters(monkeypatch, production, middle, staging)
    code = command.main(["rebuild", "production", "shop", "3"])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert [len(each.created) for each in (staging, middle, production)] == [1, 1, 1]
    for each in (middle, production):
        (made,) = each.created
        assert {"name": "merge-sha", "value": "c" * 40} in made["spec"]["params"], "what was rebuilt"
    assert [line.split()[0] for line in said.out.splitlines()] == ["started"] * 3


def test_where_the_one_in_the_middle_has_not_ended_nothing_is_rebuilt(
    production: Memory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    production.declared["vouched-by"] = "pre"
    middle, staging = Middle(), Staging("staging")
    middle.pipeline_runs = [refused(ended=False)]
    clusters(monkeypatch, production, middle, staging)
    assert command.main(["rebuild", "production", "shop", "3"]) == 1
    assert "has not ended" in capsys.readouterr().err
    assert staging.created == []


def test_a_way_that_leads_nowhere_is_told(
    production: Memory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    production.declared["vouched-by"] = "pre"
    middle = Middle()
    middle.declared["vouched-by"] = "pre"
    clusters(monkeypatch, production, middle)
    assert command.main(["rebuild", "production", "shop", "3"]) == 1
    assert "pre shop builds nothing, and promotes from none that does" in capsys.readouterr().err
