"""A delivery without a webhook starts the run that the listener would have started."""

import json
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from components.conventions import Manifest
from offline.render import manifests, record
from operate import deliver, forge
from operate.errors import OperateError
from operate.target import Target
from tests.support import ROOT

FIXTURES = ROOT / "tests" / "fixtures" / "gitea"
PLURALS = {
    "pipelines": "Pipeline",
    "tasks": "Task",
    "triggertemplates": "TriggerTemplate",
    "triggerbindings": "TriggerBinding",
}

HEAD = {"repo": {"full_name": "acme/chespirito"}, "sha": "0" * 40, "label": "greeting"}


@cache
def _declared(stack: str) -> list[Manifest]:
    return manifests(record(ROOT / f"Pulumi.{stack}.yaml"))


class Cluster:
    """The API server, with the objects that a stack declares."""

    def __init__(self, stack: str) -> None:
        self.objects = _declared(stack)
        self.created: list[Manifest] = []

    def delivery_namespace(self, environment: str) -> str:
        return f"{environment}-ci"

    def tekton(self, environment: str, plural: str, name: str) -> Manifest:
        (found,) = [one for one in self.triggers(plural) if one["metadata"]["name"] == name]
        assert found["metadata"]["namespace"] == f"{environment}-ci"
        return found

    def triggers(self, plural: str) -> list[Manifest]:
        return [one for one in self.objects if one["kind"] == PLURALS[plural]]

    def create_run(self, environment: str, body: Manifest) -> None:
        self.created.append(body)

    def whoami(self) -> str:
        return "somebody"


def pull_request(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())["pull_request"]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the forge answers, and what it was asked."""
    given: dict[str, Any] = {"status": 200}

    def request(method: str, url: str, headers: dict[str, str], **_: object) -> Any:
        given["asked"] = (method, url, headers)
        return SimpleNamespace(status=given["status"], data=json.dumps(given["body"]).encode())

    monkeypatch.setattr(forge.bounded, "request", request)
    monkeypatch.setenv(forge.TOKEN, "a-token")
    return given


def target(cluster: Cluster, environment: str) -> Target:
    return Target(cluster, environment, "chespirito", "chespirito-pod")  # type: ignore[arg-type]


@pytest.mark.parametrize(("environment", "fixture"), [("production", "closed_merged"), ("staging", "opened")])
def test_the_run_is_the_listener_s(answer: dict[str, Any], environment: str, fixture: str) -> None:
    answer["body"] = found = pull_request(fixture)
    cluster = Cluster(environment)
    name = deliver.deliver(target(cluster, environment), found["number"], None)
    (body,) = cluster.created
    assert "$(tt." not in json.dumps(body)
    assert body["metadata"]["name"] == name
    assert name.startswith(f"chespirito-{environment}-{found['number']}-{found['head']['sha'][:8]}-")
    params = {param["name"]: param["value"] for param in body["spec"]["params"]}
    assert params["head-sha"] == found["head"]["sha"]
    assert params["pull-request"] == str(found["number"])
    if environment == "production":
        assert params["merge-sha"] == found["merge_commit_sha"]
        assert params["merged-by"] == found["merged_by"]["login"]
    assert body["spec"]["pipelineRef"]["name"] == f"chespirito-{environment}-pipeline"
    method, url, headers = answer["asked"]
    assert (method, url) == ("GET", f"http://forge.internal:3000/api/v1/repos/acme/chespirito/pulls/{found['number']}")
    assert headers["Authorization"] == "Bearer a-token"


def test_what_nobody_merged_is_promoted_as_a_webhook_would(answer: dict[str, Any]) -> None:
    answer["body"] = found = pull_request("closed_merged")
    found["merged_by"] = None
    cluster = Cluster("production")
    deliver.deliver(target(cluster, "production"), found["number"], None)
    (body,) = cluster.created
    assert {"name": "merged-by", "value": "ghost"} in body["spec"]["params"]


def test_the_forge_may_write_the_repository_otherwise(answer: dict[str, Any]) -> None:
    answer["body"] = found = pull_request("closed_merged")
    found["head"]["repo"]["full_name"] = "Acme/CHESPIRITO"
    cluster = Cluster("production")
    deliver.deliver(target(cluster, "production"), found["number"], None)
    assert len(cluster.created) == 1


def test_the_api_can_have_another_address_here(answer: dict[str, Any]) -> None:
    answer["body"] = found = pull_request("closed_merged")
    deliver.deliver(target(Cluster("production"), "production"), found["number"], "https://forge.example/api/v1")
    assert answer["asked"][1].startswith("https://forge.example/api/v1/repos/")


@pytest.mark.parametrize(
    ("environment", "fixture", "change", "told"),
    [
        ("production", "opened", {}, "is not merged, and this environment gets merges only"),
        ("staging", "closed_unmerged", {}, "is closed, and this environment gets open pull requests only"),
        ("staging", "opened", {"base": {"ref": "other"}}, "is for the branch other, and only main is delivered"),
        ("staging", "fork_opened", {}, "nothing from there is delivered"),
        ("staging", "opened", {"head": {"repo": None, "sha": "0" * 40}}, "comes from a repository that is gone"),
        ("staging", "opened", {"head": HEAD | {"label": ""}}, "was pushed for review"),
        ("production", "closed_merged", {"head": HEAD | {"label": ""}}, "was pushed for review"),
        ("staging", "opened", {"head": HEAD | {"sha": "main"}}, "is no commit"),
    ],
)
def test_what_the_listener_would_not_let_pass_is_refused(
    answer: dict[str, Any], environment: str, fixture: str, change: dict[str, Any], told: str
) -> None:
    answer["body"] = pull_request(fixture) | change
    cluster = Cluster(environment)
    with pytest.raises(OperateError, match=told):
        deliver.deliver(target(cluster, environment), 1, None)
    assert cluster.created == []


def test_an_answer_that_a_token_would_change_says_so(answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(forge.TOKEN)
    answer |= {"status": 404, "body": {}}
    with pytest.raises(OperateError, match=r"answers 404; set FORGE_TOKEN to a token that may read acme/chespirito$"):
        deliver.deliver(target(Cluster("staging"), "staging"), 1, None)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("merge_commit_sha",), "main"),
        (("merge_commit_sha",), "a" * 40 + "\n"),
        (("merged_by", "login"), "bob\u202e"),
        (("merged_by", "login"), '"},{"image":"evil'),
    ],
)
def test_what_the_forge_says_in_another_form_starts_nothing(
    answer: dict[str, Any], path: tuple[str, ...], value: str
) -> None:
    answer["body"] = item = found = pull_request("closed_merged")
    for part in path[:-1]:
        item = item[part]
    item[path[-1]] = value
    cluster = Cluster("production")
    with pytest.raises(OperateError, match="which has another form") as refused:
        deliver.deliver(target(cluster, "production"), found["number"], None)
    assert "\u202e" not in str(refused.value)
    assert cluster.created == []


@pytest.mark.parametrize("body", [[], "a page", {"message": "it works"}, {"head": None}])
def test_something_else_that_answers_is_no_forge(answer: dict[str, Any], body: Any) -> None:
    answer["body"] = body
    with pytest.raises(OperateError, match="answers no pull request; name the forge's API: --api-url"):
        deliver.deliver(target(Cluster("staging"), "staging"), 1, None)
