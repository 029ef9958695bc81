"""Forks: their pull requests start nothing, and a comment starts their tests only if it is the word and nothing else."""

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.sink import COMMENT, HEADERS, deliver
from tests.support import Declared, Object, both_environments
from tests.test_routing import FIXTURES, REPOSITORY, drop, payload, put


def comment(forge: str) -> Object:
    """A comment with the word, as a forge sent it; GitHub's is about a repository of ours instead of its own."""
    text = (FIXTURES / forge / "comments" / "created.json").read_text()
    body: Object = json.loads(text.replace("Codertocat/Hello-World", REPOSITORY))
    return body


@cache
def listening(forge: str) -> Declared:
    return both_environments(forge)


def runs(forge: str, body: Object) -> list[Object]:
    return deliver(listening(forge), body, header=COMMENT)


@pytest.mark.parametrize("forge", ["github", "gitea"])
def test_the_word_starts_the_tests_of_the_commit_that_it_names(forge: str) -> None:
    body = comment(forge)
    (run,) = runs(forge, body)
    assert run["spec"]["pipelineRef"]["name"] == "chespirito-staging-fork-pipeline"
    assert {param["name"]: param["value"] for param in run["spec"]["params"]} == {
        "pull-request": str(body["issue"]["number"]),
        "head-sha": body["comment"]["body"].split()[1],
        "commenter": body["comment"]["user"]["login"],
        "comment": str(body["comment"]["id"]),
    }


@pytest.mark.parametrize("forge", ["github", "gitea"])
def test_without_the_setting_nobody_listens(forge: str) -> None:
    assert deliver(both_environments(forge, ok_to_test=False), comment(forge), header=COMMENT) == []


def said(text: str) -> Callable[[Object], None]:
    return put("comment", "body", value=text)


SHA = "0123456789abcdef0123456789abcdef01234567"
CHANGES: dict[str, Callable[[Object], None]] = {
    "nothing": said(""),
    "the word alone": said("/ok-to-test"),
    "a short sha": said(f"/ok-to-test {SHA[:12]}"),
    "a long sha": said(f"/ok-to-test {SHA}0"),
    "a sha in capitals": said(f"/ok-to-test {SHA.upper()}"),
    "a branch": said("/ok-to-test main"),
    "words before": said(f"Looks good. /ok-to-test {SHA}"),
    "a line before": said(f"Looks good.\n/ok-to-test {SHA}"),
    "words after": said(f"/ok-to-test {SHA} please"),
    "another line": said(f"/ok-to-test {SHA}\n/ok-to-test {SHA}"),
    "a command": said(f"/ok-to-test {SHA}; reboot"),
    "a substitution": said("/ok-to-test $(params.head-sha)"),
    "a quotation": said(f"> /ok-to-test {SHA}"),
    "no text": put("comment", "body", value=None),
    "an edited comment": put("action", value="edited"),
    "a deleted comment": put("action", value="deleted"),
    "an issue": drop("issue", "pull_request"),
    "an issue's null": put("issue", "pull_request", value=None),
    "a closed pull request": put("issue", "state", value="closed"),
    "another repository": put("repository", "full_name", value="acme/other"),
    "another sender": put("sender", "login", value="mallory"),
    "a bot": put("comment", "user", "login", value="ci[bot]"),
    "a way up": put("comment", "user", "login", value=".."),
    "a path": put("comment", "user", "login", value="alice/../mallory"),
    "no number": put("issue", "number", value="one"),
    "no comment": drop("comment"),
    "no issue": drop("issue"),
    "nobody": put("comment", "user", value=None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("forge", ["github", "gitea"])
def test_nothing_else_is_the_word(forge: str, change: Callable[[Object], None]) -> None:
    body = comment(forge)
    assert len(runs(forge, body)) == 1
    change(body)
    if body.get("comment", {}).get("user") and body["comment"]["user"]["login"] in ("ci[bot]", "..", "alice/../mallory"):
        body["sender"]["login"] = body["comment"]["user"]["login"]
    assert runs(forge, body) == []


@pytest.mark.parametrize("association", ["NONE", "CONTRIBUTOR", "FIRST_TIME_CONTRIBUTOR", "FIRST_TIMER", "MANNEQUIN"])
def test_on_github_a_strangers_word_starts_no_pod(association: str) -> None:
    body = comment("github")
    body["comment"]["author_association"] = association
    assert runs("github", body) == []


@pytest.mark.parametrize("text", [f"/ok-to-test {SHA}\r\n", f"/ok-to-test {SHA} ", f"/ok-to-test {SHA}\n\n"])
def test_what_an_editor_leaves_at_the_end_does_no_harm(text: str) -> None:
    body = comment("gitea")
    said(text)(body)
    (run,) = runs("gitea", body)
    assert {"name": "head-sha", "value": SHA} in run["spec"]["params"]


def test_a_request_that_names_another_api_host_starts_nothing() -> None:
    """The look-ups to come use the forge of the settings, but no trigger shall depend on that."""
    header = COMMENT | {"X-Github-Enterprise-Host": ["evil.example"]}
    assert deliver(listening("github"), comment("github"), header=header) == []


def test_the_header_that_nobody_signs_turns_neither_event_into_the_other() -> None:
    stack = listening("gitea")
    assert deliver(stack, comment("gitea"), header=HEADERS) == []
    for name in ("opened", "closed_unmerged", "closed_merged", "fork_opened"):
        assert deliver(stack, payload("gitea", name), header=COMMENT) == []


def test_a_comment_takes_no_name_from_a_push() -> None:
    """A run of a name that exists is refused: a stranger's comment in the second of a push must not stand in its way."""
    opened, commented = payload("gitea", "opened"), comment("gitea")
    commented["issue"]["number"] = opened["number"]
    said(f"/ok-to-test {opened['pull_request']['head']['sha']}")(commented)
    commented["comment"]["created_at"] = opened["pull_request"]["updated_at"]
    stack = listening("gitea")
    (pushed,), (vouched,) = deliver(stack, opened), deliver(stack, commented, header=COMMENT)
    assert pushed["metadata"]["name"] != vouched["metadata"]["name"]
    assert len(vouched["metadata"]["name"]) <= len(pushed["metadata"]["name"])


def test_a_redelivered_comment_asks_for_the_same_run_and_a_second_one_for_another() -> None:
    first, second = comment("gitea"), comment("gitea")
    second["comment"]["created_at"] = "2030-01-01T00:00:00Z"
    names = [runs("gitea", body)[0]["metadata"]["name"] for body in (first, copy.deepcopy(first), second)]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(("forge", "seconds"), [("github", "09"), ("gitea", "00")])
def test_its_run_is_named_by_utc(forge: str, seconds: str) -> None:
    body = comment(forge)
    body["comment"]["created_at"] = "2026-01-02T03:04:09+02:00"
    (run,) = runs(forge, body)
    assert run["metadata"]["name"].endswith(f"-202601020104{seconds}")


def test_whoever_may_comment_on_gitea_starts_one_run_a_minute_about_the_head_and_one_about_others() -> None:
    """GitHub tells who does not belong to the repository. Gitea tells nothing, and the quota of runs is everybody's."""

    def name(forge: str, second: int, sha: str, user: int = 7, minute: int = 4) -> str:
        body = comment(forge)
        said(f"/ok-to-test {sha}")(body)
        body["comment"] |= {"created_at": f"2026-01-02T03:0{minute}:{second:02}Z", "id": 1000 + second}
        body["comment"]["user"]["id"] = user
        (run,) = runs(forge, body)
        return str(run["metadata"]["name"])

    head = comment("gitea")["pull_request"]["head"]["sha"]
    assert len({name("gitea", second, head) for second in range(5)}) == 1
    assert len({name("gitea", second, str(second) * 40) for second in range(5)}) == 1
    others = {
        name("gitea", 0, head),
        name("gitea", 0, SHA),
        name("gitea", 0, head, user=8),
        name("gitea", 0, head, minute=5),
    }
    assert len(others) == 4, "nobody's word stands in the way of another one's, nor a mistake in that of its correction"
    assert len({name("github", second, SHA) for second in range(5)}) == 5


def test_no_free_text_of_a_comment_reaches_a_run() -> None:
    body: Any = comment("gitea")
    body["issue"] |= {"title": "canary", "body": "canary"}
    body["pull_request"] |= {"title": "canary", "body": "canary"}
    body["pull_request"]["head"] |= {"ref": "canary"}
    assert "canary" not in json.dumps(runs("gitea", body))


def test_the_tests_of_a_fork_hold_the_fetch_key_and_nothing_else() -> None:
    stack = listening("gitea")
    spec = stack.one("Task", "tests")["spec"]
    assert [volume for volume in spec["volumes"] if "emptyDir" not in volume] == []
    assert [step["name"] for step in spec["steps"]] == ["fetch", "test"]
    assert [step["name"] for step in spec["steps"] if step.get("workspaces")] == ["fetch"]
