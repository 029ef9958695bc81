"""The GitHub workflows: what runs a branch's code before anybody has read it, and where credentials are."""

import copy
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT

WORKFLOWS = {path.stem: path for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"
DEFAULT_BRANCH = "${{ github.event.repository.default_branch }}"
GATE = "reviewers"
SECRET = re.compile(r"\$\{\{[^}]*\bsecrets\b")
TOKEN = re.compile(r"\$\{\{[^}]*(\bgithub\.token\b|\btoJSON\(github\)|GITHUB_TOKEN)")


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(WORKFLOWS[name].read_text())
    # YAML 1.1 reads the key `on` as true.
    on = loaded.pop(True)
    return loaded | {"on": on if isinstance(on, dict) else {on: None}}


def faults(workflow: dict[str, Any]) -> Iterator[str]:
    """What would hand a branch's code, before anybody has read it, more than its own files."""
    if workflow["permissions"] != {}:
        yield "the workflow grants something to every job"
    if "secrets" in workflow or SECRET.search(yaml.safe_dump(workflow.get("env", {}))):
        yield "the workflow gives a secret to every job"
    for name, job in workflow["jobs"].items():
        for problem in _trusted(job) if "workflow_run" in workflow["on"] else _before_review(job):
            yield f"{name}: {problem}"
    for event in set(workflow["on"]) - {"pull_request", "push", "workflow_run"}:
        yield f"the event {event}"


def _before_review(job: dict[str, Any]) -> Iterator[str]:
    """GitHub takes the workflow and what a checkout gives from the branch: every step is its code."""
    text = yaml.safe_dump(job)
    writes = {scope for scope, level in job["permissions"].items() if level != "read"}
    if writes:
        yield f"may write {writes}"
    if "environment" in job:
        if job.get("needs") != GATE:
            yield "an environment that nobody looked at for reviewers"
    elif SECRET.search(text):
        yield "a secret outside of an environment"
    if "actions/checkout" in text and TOKEN.search(text):
        yield "a token beside a branch's code"
    if "secrets: inherit" in text or "uses: ./" in text:
        yield "a step or workflow of the branch that is given more than is written here"
    if "actions/cache" in text or "cache:" in text:
        yield "a cache, which another run would trust"


def _trusted(job: dict[str, Any]) -> Iterator[str]:
    """It may hold a token, and so runs the default branch's code alone."""
    text = yaml.safe_dump(job)
    for step in job["steps"]:
        if "actions/checkout" in step.get("uses", "") and step["with"].get("ref") != DEFAULT_BRANCH:
            yield "a checkout of something else than the default branch"
        if "download-artifact" in step.get("uses", "") and not step["with"]["path"].startswith("${{ runner.temp }}/"):
            yield "a branch's files among those that are run"
        if re.search(r"git (fetch|pull|checkout|merge)|gh pr checkout|refs/pull", step.get("run", "")):
            yield "a branch's code, fetched by a script"
    if {scope for scope, level in job["permissions"].items() if level != "read"} and "download-artifact" in text:
        yield "a branch's file beside the right to write"
    if "environment" in job or SECRET.search(text) or "actions/cache" in text:
        yield "a secret, an environment or a cache"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_unreviewed_code_gets_no_secret_no_write_permission_and_no_environment(name: str) -> None:
    assert list(faults(load(name))) == []


def job(workflow: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = workflow["jobs"][name]
    return found


MISTAKES: list[tuple[str, str, Callable[[dict[str, Any]], object]]] = [
    ("check", "may write", lambda it: job(it, "render")["permissions"].update({"pull-requests": "write"})),
    ("check", "outside of an environment", lambda it: job(it, "check").update(env={"A": "${{ secrets.A }}"})),
    ("check", "nobody looked at", lambda it: job(it, "check").update(environment="staging-preview")),
    ("check", "beside a branch's code", lambda it: job(it, "check").update(env={"A": "${{ github.token }}"})),
    ("check", "to every job", lambda it: it.update(permissions={"contents": "read"})),
    ("check", "every job", lambda it: it.update(env={"A": "${{ secrets.A }}"})),
    ("check", "pull_request_target", lambda it: it["on"].update(pull_request_target=None)),
    ("check", "a cache", lambda it: job(it, "check")["steps"].append({"uses": "actions/cache@0"})),
    ("preview", "nobody looked at", lambda it: job(it, "staging").pop("needs")),
    ("comment", "something else", lambda it: job(it, "write")["steps"][0]["with"].pop("ref")),
    ("comment", "something else", lambda it: job(it, "compare")["steps"][0]["with"].update(ref="${{ github.x.head_sha }}")),
    ("comment", "among those", lambda it: job(it, "compare")["steps"][3]["with"].update(path=".")),
    ("comment", "beside the right", lambda it: job(it, "compare")["permissions"].update({"pull-requests": "write"})),
    ("comment", "by a script", lambda it: job(it, "compare")["steps"].append({"run": "gh pr checkout 1"})),
    ("comment", "a secret", lambda it: job(it, "write").update(environment="x")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "found", "mistake"), MISTAKES)
def test_the_mistake_would_be_seen(name: str, found: str, mistake: Callable[[dict[str, Any]], object]) -> None:
    workflow = copy.deepcopy(load(name))
    mistake(workflow)
    assert any(found in fault for fault in faults(workflow))


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=WORKFLOWS)
def test_actions_are_pinned_by_commit_and_say_their_release(path: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert used
    for action, release in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", release), action


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_value_of_a_pull_request_is_pasted_into_a_script(name: str) -> None:
    for each in load(name)["jobs"].values():
        for step in each["steps"]:
            assert "${{" not in step.get("run", "")
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_a_preview_is_of_this_repositorys_branches_and_waits_for_its_environment() -> None:
    jobs = load("preview")["jobs"]
    assert SAME_REPOSITORY in jobs[GATE]["if"]
    environments = {name: each["environment"] for name, each in jobs.items() if name != GATE}
    assert environments == {"staging": "staging-preview", "production": "production-preview"}
    for name in environments:
        assert jobs[name]["permissions"] == {"contents": "read"}
        assert f"--stack {name} --refresh=false" in jobs[name]["steps"][-1]["run"]
    assert jobs[GATE]["permissions"] == {"actions": "read"}


def test_the_comment_goes_where_github_says_and_not_where_the_branch_says() -> None:
    workflow = load("comment")
    assert workflow["on"] == {"workflow_run": {"workflows": [load("check")["name"]], "types": ["completed"]}}
    condition = workflow["jobs"]["compare"]["if"]
    for part in ("head_repository.full_name == github.repository", "base.ref == github.event.repository.default_branch"):
        assert part in condition
    number = workflow["jobs"]["write"]["steps"][-1]["env"]["NUMBER"]
    assert number == "${{ github.event.workflow_run.pull_requests[0].number }}"
    uploaded = load("check")["jobs"]["render"]["steps"][-1]["with"]
    downloaded = workflow["jobs"]["compare"]["steps"][3]["with"]
    assert uploaded["name"] == downloaded["name"]
    assert uploaded["path"].rpartition("/")[2] in workflow["jobs"]["compare"]["steps"][4]["run"]


@pytest.mark.parametrize(
    ("answers", "passes"),
    [
        ({"staging-preview": "1", "production-preview": "2"}, True),
        ({"staging-preview": "1", "production-preview": "0"}, False),
        ({"staging-preview": "0", "production-preview": "1"}, False),
        ({"staging-preview": "1"}, False),
    ],
)
def test_environments_without_reviewers_stop_every_preview(tmp_path: Path, answers: dict[str, str], passes: bool) -> None:
    cases = "".join(f"repos/acme/delivery/environments/{name}) echo {count} ;;\n" for name, count in answers.items())
    (tmp_path / "gh").write_text(f'#!/bin/sh\ncase "$2" in\n{cases}*) exit 1 ;;\nesac\n')
    (tmp_path / "gh").chmod(0o755)
    (step,) = load("preview")["jobs"][GATE]["steps"]
    variables = {"STAGING": "staging-preview", "PRODUCTION": "production-preview", "GITHUB_REPOSITORY": "acme/delivery"}
    answer = subprocess.run(
        ["bash", "-e", "-c", step["run"]], env={"PATH": f"{tmp_path}:/usr/bin:/bin", **variables}, capture_output=True
    )
    assert (answer.returncode == 0) == passes, answer


def test_continuous_integration_runs_verbs_of_the_makefile() -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    run = {
        verb
        for name in WORKFLOWS
        for each in load(name)["jobs"].values()
        for step in each["steps"]
        for verb in re.findall(r"make ([a-z-]+)", step.get("run", ""))
    }
    assert {"check", "test-unit", "test-scripts", "test-contracts"} <= run <= verbs
