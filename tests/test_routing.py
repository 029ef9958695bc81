"""Which webhook starts which run: truth tables over GitHub's and Gitea's own bodies, evaluated as rendered."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.forge.replay import rewrite
from tests.sink import HEADERS, deliver
from tests.support import Declared, Object, both_environments, enterprise, several_applications

FIXTURES = Path(__file__).parent / "fixtures"
REPOSITORY = "acme/chespirito"
SHA = "0123456789abcdef0123456789abcdef01234567"
MERGED = "fedcba9876543210fedcba9876543210fedcba98"


def payload(forge: str, name: str) -> Object:
    """A body that a forge really sent; GitHub's are about a repository of ours instead of its own."""
    body: Object = json.loads((FIXTURES / forge / f"{name}.json").read_text())
    if forge == "gitea":
        return body
    return rewrite(body, repository=REPOSITORY, head_sha=SHA, merge_sha=MERGED if "merged" in name else None)


def push(forge: str, name: str = "pushed") -> Object:
    """A push as a forge sent it; GitHub's is about a repository of ours instead of its own."""
    text = (FIXTURES / forge / "pushes" / f"{name}.json").read_text()
    body: Object = json.loads(text.replace("Codertocat/Hello-World", REPOSITORY).replace("heads/master", "heads/main"))
    return body


def put(*path: str, value: Any) -> Callable[[Object], None]:
    """A change of a body: another value in one place."""

    def change(body: Object) -> None:
        for part in path[:-1]:
            body = body[part]
        body[path[-1]] = value

    return change


def drop(*path: str) -> Callable[[Object], None]:
    """A change of a body: a key that is not there."""

    def change(body: Object) -> None:
        for part in path[:-1]:
            body = body[part]
        del body[path[-1]]

    return change


CHANGES = {
    "another repository": put("repository", "full_name", value="acme/other"),
    "a repository in capitals": put("repository", "full_name", value="Acme/Chespirito"),
    "another base repository": put("pull_request", "base", "repo", "full_name", value="acme/other"),
    "another base branch": put("pull_request", "base", "ref", value="release"),
    "no base branch": drop("pull_request", "base", "ref"),
    "a head in a fork": put("pull_request", "head", "repo", "full_name", value="mallory/chespirito"),
    "a head that was pushed for review": put("pull_request", "head", "label", value=""),
    "a head without a label": drop("pull_request", "head", "label"),
    "a head whose label is null": put("pull_request", "head", "label", value=None),
    "a head whose fork is gone": put("pull_request", "head", "repo", value=None),
    "a short sha": put("pull_request", "head", "sha", value=SHA[:39]),
    "a long sha": put("pull_request", "head", "sha", value=SHA + "0"),
    "a sha and another line": put("pull_request", "head", "sha", value=SHA + "\nx"),
    "a sha and a newline": put("pull_request", "head", "sha", value=SHA + "\n"),
    "a sha in capitals": put("pull_request", "head", "sha", value=SHA.upper()),
    "a branch for a sha": put("pull_request", "head", "sha", value="main"),
    "a substitution for a sha": put("pull_request", "head", "sha", value="$(params.head-sha)"),
    "no pull request": drop("pull_request"),
    "no repository": drop("repository"),
    "no action": drop("action"),
    "an action about labels": put("action", value="labeled"),
    "an edited title": put("action", value="edited"),
    "a number that is none": put("number", value="one"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize(
    ("stack", "name"), [("staging", "opened"), ("staging", "closed_unmerged"), ("production", "closed_merged")]
)
def test_nothing_else_gets_through(
    stacks: dict[str, Declared], stack: str, name: str, change: Callable[[Object], None]
) -> None:
    body = payload("gitea", name)
    assert len(deliver(stacks[stack], body)) == 1
    change(body)
    assert deliver(stacks[stack], body) == []


# What Gitea sends of a pull request that was pushed to `refs/for/main`, for which the right to read is enough (AGit).
@pytest.mark.parametrize(
    ("stack", "name"),
    [
        *[("staging", name) for name in ("opened", "reopened", "synchronized", "edited_ready", "edited_base_to")],
        *[("staging", name) for name in ("closed_unmerged", "edited_base_away")],
        *[("production", name) for name in ("closed_merged", "closed_squashed", "closed_rebased")],
    ],
)
def test_what_a_reader_pushed_for_review_starts_nothing(stacks: dict[str, Declared], stack: str, name: str) -> None:
    body = payload("gitea", name)
    assert len(deliver(stacks[stack], body)) == 1, "the control: a branch's"
    body["pull_request"]["head"] |= {"label": "", "ref": f"refs/pull/{body['number']}/head"}
    assert deliver(stacks[stack], body) == []


def test_a_head_that_no_branch_holds_is_not_staged(staging: Declared) -> None:
    body = payload("gitea", "opened")
    put("pull_request", "head", "ref", value="refs/pull/1/head")(body)
    assert deliver(staging, body) == []


@pytest.mark.parametrize(("stack", "name"), [("production", "closed_merged"), ("staging", "closed_unmerged")])
def test_a_branch_that_goes_with_its_pull_request_changes_nothing(
    stacks: dict[str, Declared], stack: str, name: str
) -> None:
    """Gitea names the ref in the branch's place then, and the branch as label."""
    body = payload("gitea", name)
    put("pull_request", "head", "ref", value=f"refs/pull/{body['number']}/head")(body)
    assert len(deliver(stacks[stack], body)) == 1


@pytest.mark.parametrize(
    "change",
    [
        put("pull_request", "merged", value=False),
        put("pull_request", "merged", value="true"),
        drop("pull_request", "merged"),
        put("pull_request", "merge_commit_sha", value=None),
        put("pull_request", "merge_commit_sha", value="main"),
        drop("pull_request", "merged_by"),
        put("pull_request", "merged_by", value={}),
        put("pull_request", "merged_by", value="alice"),
        put("pull_request", "merged_by", "login", value="alice\nmallory"),
        put("pull_request", "merged_by", "login", value='alice"; reboot'),
        put("pull_request", "merged_by", "login", value=""),
    ],
)
def test_only_a_merge_is_promoted(production: Declared, change: Callable[[Object], None]) -> None:
    body = payload("gitea", "closed_merged")
    change(body)
    assert deliver(production, body) == []


def test_a_closed_pull_request_is_not_staged(staging: Declared) -> None:
    body = payload("gitea", "opened")
    body["pull_request"]["state"] = "closed"
    assert deliver(staging, body) == []


def test_a_rejected_pull_request_starts_the_way_back(staging: Declared) -> None:
    body = payload("gitea", "closed_unmerged")
    run = run_of(staging, body)
    assert run["spec"]["pipelineRef"]["name"] == "chespirito-staging-rejected-pipeline"
    assert {param["name"]: param["value"] for param in run["spec"]["params"]} == {"pull-request": str(body["number"])}


def test_a_rejection_within_the_second_of_another_event_is_no_redelivery_of_it(staging: Declared) -> None:
    """Forges write times to the second, and a run of a name that exists is refused."""
    opened = payload("gitea", "opened")
    closed = copy.deepcopy(opened)
    closed["action"], closed["pull_request"]["state"] = "closed", "closed"
    assert run_of(staging, closed)["metadata"]["name"] != run_of(staging, opened)["metadata"]["name"]


@pytest.mark.parametrize("event", ["push", "ping", "issue_comment", "pull_request_review"])
def test_other_events_start_nothing(staging: Declared, event: str) -> None:
    assert deliver(staging, payload("gitea", "opened"), header=HEADERS | {"X-Github-Event": [event]}) == []


def test_a_request_that_names_another_api_host_starts_nothing(staging: Declared) -> None:
    """The header is not covered by the signature, and would lead a client with a token to that host."""
    header = HEADERS | {"X-Github-Enterprise-Host": ["evil.example"]}
    assert deliver(staging, payload("gitea", "opened"), header=header) == []


@pytest.mark.parametrize(
    ("hosts", "started"),
    [
        (None, 1),
        (["git.example.com"], 1),
        (["evil.example"], 0),
        (["git.example.com", "evil.example"], 0),
        (["git.example.com.evil.example"], 0),
        ([], 0),
    ],
)
def test_an_enterprise_server_names_itself_and_no_other_one_is_believed(hosts: list[str] | None, started: int) -> None:
    """GitHub Enterprise Server sends its host with every webhook."""
    header = HEADERS if hosts is None else HEADERS | {"X-Github-Enterprise-Host": hosts}
    assert len(deliver(enterprise(), payload("github", "opened"), header=header)) == started


def run_of(stack: Declared, body: Object) -> Object:
    (run,) = deliver(stack, body)
    return run


def test_a_redelivery_asks_for_the_same_run(stacks: dict[str, Declared]) -> None:
    for stack, name in (("staging", "opened"), ("production", "closed_merged")):
        body = payload("gitea", name)
        first, second = run_of(stacks[stack], body), run_of(stacks[stack], copy.deepcopy(body))
        assert first["metadata"]["name"] == second["metadata"]["name"]
        assert "generateName" not in first["metadata"]


@pytest.mark.parametrize(
    "change",
    [
        put("pull_request", "head", "sha", value="f" * 40),
        put("pull_request", "updated_at", value="2030-01-01T00:00:00Z"),
        put("number", value=4711),
    ],
)
def test_a_new_event_asks_for_a_new_run(staging: Declared, change: Callable[[Object], None]) -> None:
    body = payload("gitea", "opened")
    before = run_of(staging, body)["metadata"]["name"]
    change(body)
    assert run_of(staging, body)["metadata"]["name"] != before


@pytest.mark.parametrize(("stack", "name"), [("staging", "opened"), ("production", "closed_merged")])
def test_the_run_is_the_applications_pipeline_in_its_environment(stacks: dict[str, Declared], stack: str, name: str) -> None:
    body = payload("gitea", name)
    run = run_of(stacks[stack], body)
    assert run["metadata"]["namespace"] == f"{stack}-ci"
    assert run["metadata"]["labels"]["app.kubernetes.io/name"] == "chespirito"
    assert run["metadata"]["labels"]["tekton-delivery/commit"] == body["pull_request"]["head"]["sha"]
    assert stacks[stack].one("Pipeline", run["spec"]["pipelineRef"]["name"], f"{stack}-ci")
    params = {param["name"]: param["value"] for param in run["spec"]["params"]}
    assert params["head-sha"] == body["pull_request"]["head"]["sha"]
    assert params["pull-request"] == str(body["number"])
    if stack == "production":
        assert params["merge-sha"] == body["pull_request"]["merge_commit_sha"]
        assert params["merged-by"] == body["pull_request"]["merged_by"]["login"]


@pytest.mark.parametrize(("stack", "name"), [("staging", "opened"), ("production", "closed_merged")])
def test_no_free_text_of_a_payload_reaches_a_run(stacks: dict[str, Declared], stack: str, name: str) -> None:
    """Whoever opens a pull request writes its title, branch and description."""
    body = payload("gitea", name)
    body["pull_request"] |= {"title": "canary", "body": "canary", "labels": [{"name": "canary"}]}
    body["pull_request"]["head"] |= {"ref": "canary", "label": "canary"}
    body["pull_request"]["user"]["login"] = body["sender"]["login"] = "canary"
    assert "canary" not in json.dumps(run_of(stacks[stack], body))


def test_the_stacks_on_their_own_do_the_same(stacks: dict[str, Declared]) -> None:
    opened, merged = payload("gitea", "opened"), payload("gitea", "closed_merged")
    assert run_of(stacks["staging"], opened)["metadata"]["namespace"] == "staging-ci"
    assert deliver(stacks["staging"], merged) == []
    assert run_of(stacks["production"], merged)["metadata"]["namespace"] == "production-ci"
    assert deliver(stacks["production"], opened) == []


def test_one_stack_with_both_environments_has_one_listener() -> None:
    both = both_environments()
    assert both.names("EventListener") == ["chespirito-github-el"]
    assert both.names("Trigger") == [
        *("base-moved-trigger", "ok-to-test-trigger", "pr-rejected-trigger", "pr-trigger", "push-main-trigger")
    ]


def test_each_repository_starts_its_own_application_from_its_own_branch() -> None:
    several = several_applications()
    chespirito = payload("gitea", "opened")
    other = json.loads(json.dumps(chespirito).replace(REPOSITORY, "acme/shop"))
    assert run_of(several, chespirito)["spec"]["pipelineRef"]["name"] == "chespirito-staging-pipeline"
    assert deliver(several, other) == []
    other["pull_request"]["base"]["ref"] = "release"
    assert run_of(several, other)["spec"]["pipelineRef"]["name"] == "shop-staging-pipeline"
