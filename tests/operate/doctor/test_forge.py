"""Tokens and Apps: each right is tried by the call that takes it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from components.tasks.forge import app_rights
from offline.needs.read import needs
from offline.needs.values import App, Needs, Repository
from offline.run import placeholder, stack_config
from operate.doctor import forge
from operate.doctor.http import Http
from operate.doctor.rows import Row
from tests.operate.doctor.fakes import Answered, Asked, Served, serving
from tests.support import ROOT

NAME = "acme/chespirito"
AT = f"/repos/{NAME}"
KEY = (
    generate_private_key(65537, 2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    .decode()
)
APP = App("Iv1", "7", KEY, {"statuses": "write", "pull_requests": "read"})
GOOD: dict[str, Answered] = {
    f"GET {AT}": (200, {"full_name": NAME, "id": 12}),
    f"POST {AT}/statuses/{forge.NOWHERE}": (422, {"message": "No commit found for SHA"}),
    f"GET {AT}/pulls": (200, []),
    f"GET {AT}/issues/comments": (200, []),
    f"GET {AT}/commits": (200, [{"author": {"login": "ana"}}]),
    f"GET {AT}/collaborators/ana/permission": (200, {"permission": "write"}),
    "GET /app/installations/7": (200, {"permissions": {"statuses": "write", "pull_requests": "read", "metadata": "read"}}),
    "POST /app/installations/7/access_tokens": (201, {"token": "made"}),
}


@contextmanager
def asked(staging: Needs, answers: Mapping[str, Answered], **changes: Any) -> Iterator[tuple[list[Row], Served]]:
    def handler(asked: Asked) -> Answered:
        return {**GOOD, **answers}.get(f"{asked.method} {asked.where}", (404, {"message": "Not Found"}))

    with serving(handler) as served:
        wanted = replace(staging.forge, **{"kind": "github", "api_url": served.url, "token": "t", "reader": "r", **changes})
        yield list(forge.rows(replace(staging, forge=wanted), Http())), served


def told(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row.state, row.what) for row in rows if row.state != "fine"]


def test_tokens_with_their_rights_are_fine_and_set_no_status(staging: Needs) -> None:
    with asked(staging, {}) as (rows, served):
        assert told(rows) == []
        assert len(rows) == 5
        assert served.paths("POST") == [f"{AT}/statuses/{forge.NOWHERE}"], "of a commit that is nowhere"


@pytest.mark.parametrize(
    ("call", "answer", "what", "said"),
    [
        (f"GET {AT}", (401, {"message": "Bad credentials"}), "forge.token is known to the forge", "Bad credentials"),
        (f"GET {AT}", (404, {"message": "Not Found"}), f"the repository {NAME}", "not there, or forge.token may not see it"),
        (f"GET {AT}", (301, {}), f"the repository {NAME}", "renamed"),
        (
            f"GET {AT}",
            (200, {"full_name": "acme/other", "id": 12}),
            f"the repository {NAME}",
            "the forge calls it acme/other",
        ),
        (f"GET {AT}", (200, {"full_name": NAME, "id": 12, "archived": True}), f"the repository {NAME}", "archived"),
        (f"POST {AT}/statuses/{forge.NOWHERE}", (403, {"message": "no"}), f"forge.token sets statuses in {NAME}", "403 no"),
        (f"POST {AT}/statuses/{forge.NOWHERE}", (404, {}), f"forge.token sets statuses in {NAME}", "404"),
        (f"GET {AT}/pulls", (403, {}), f"forge.token reads pull requests in {NAME}", "403"),
        (f"GET {AT}/issues/comments", (403, {}), f"forge.okToTest.token reads comments in {NAME}", "403"),
        (f"GET {AT}/collaborators/ana/permission", (403, {}), f"forge.okToTest.token reads who may write to {NAME}", "403"),
    ],
)
def test_what_is_refused_is_wrong(staging: Needs, call: str, answer: Answered, what: str, said: str) -> None:
    with asked(staging, {call: answer}) as (rows, _):
        (row,) = [row for row in rows if row.state == "wrong"]
        assert row.what == what
        assert said in row.said
        assert row.mend


@pytest.mark.parametrize(
    ("kind", "status", "state"), [("gitea", 500, "fine"), ("gitea", 404, "fine"), ("github", 500, "unknown")]
)
def test_gitea_knows_no_such_commit_by_another_status(staging: Needs, kind: str, status: int, state: str) -> None:
    """It answers 500: `GetCommit` comes after the token's scope and the right to write."""
    answers: dict[str, Answered] = {f"POST {AT}/statuses/{forge.NOWHERE}": (status, {"message": "object does not exist"})}
    with asked(staging, answers, kind=kind) as (rows, _):
        (row,) = [row for row in rows if "sets statuses" in row.what]
        assert row.state == state


def test_another_repository_of_that_name_is_wrong(staging: Needs) -> None:
    pinned = (Repository(NAME, 11, ("main",)),)
    with asked(staging, {}, repositories=pinned) as (rows, _):
        assert told(rows) == [("wrong", f"the repository {NAME}")]
    with asked(staging, {}, repositories=(replace(pinned[0], id=12),)) as (rows, _):
        assert told(rows) == [], "the control"


def test_a_classic_token_that_opens_more_is_told(staging: Needs) -> None:
    answers: dict[str, Answered] = {
        f"GET {AT}": (200, {"full_name": NAME, "id": 12}, {"X-OAuth-Scopes": "repo, repo:status"})
    }
    with asked(staging, answers) as (rows, _):
        assert told(rows) == [("advised", "forge.token opens statuses alone")]
        assert "repo" in next(row.said for row in rows if row.state == "advised")


def test_a_token_that_cannot_be_read_is_not_tried(staging: Needs) -> None:
    with asked(staging, {}, token=None, reader=None, unread=("forge.token",)) as (rows, served):
        assert told(rows) == [("unknown", "forge.token")]
        assert [each.path for each in served.asked] == ["/"]


def test_a_forge_that_does_not_answer_is_told_once(staging: Needs) -> None:
    wanted = replace(staging.forge, api_url="http://127.0.0.1:9", token="t")
    rows = list(forge.rows(replace(staging, forge=wanted), Http()))
    assert told(rows) == [("wrong", "the forge's REST API answers at http://127.0.0.1:9")]


def test_an_app_with_its_rights_is_fine(staging: Needs) -> None:
    with asked(staging, {}, app=APP, token=None, reader=None) as (rows, served):
        assert told(rows) == []
        (made,) = [each.body for each in served.asked if each.path.endswith("/access_tokens")]
        assert made == {"repositories": ["chespirito"], "permissions": dict(APP.rights)}


@pytest.mark.parametrize(
    ("call", "answer", "state", "what"),
    [
        ("GET /app/installations/7", (401, {}), "wrong", "the GitHub App Iv1"),
        ("GET /app/installations/7", (404, {}), "wrong", "the GitHub App Iv1"),
        (
            "GET /app/installations/7",
            (200, {"permissions": dict(APP.rights) | {"contents": "write"}}),
            "advised",
            "the GitHub App Iv1 has no more rights than it needs",
        ),
        ("POST /app/installations/7/access_tokens", (422, {}), "wrong", f"the GitHub App Iv1 opens {NAME}"),
    ],
)
def test_an_app_without_its_rights_is_wrong(staging: Needs, call: str, answer: Answered, state: str, what: str) -> None:
    with asked(staging, {call: answer}, app=APP, token=None, reader=None) as (rows, _):
        assert told(rows) == [(state, what)]


RIGHTS = "the GitHub App Iv1 has the rights that runs ask for"
EXCESS = "the GitHub App Iv1 has no more rights than it needs"
COMMENTS = app_rights(comments=True, deployments=False, asks_who_may=False, fetches=False)
EVERYTHING = app_rights(comments=True, deployments=True, asks_who_may=True, fetches=True)


@pytest.mark.parametrize(
    ("rights", "granted", "expected"),
    [
        (COMMENTS, COMMENTS, []),
        (COMMENTS, APP.rights, [("wrong", RIGHTS, "it lacks pull_requests: write")]),
        (APP.rights, COMMENTS, [("advised", EXCESS, "pull_requests: write")]),
        (EVERYTHING, EVERYTHING, []),
        (
            EVERYTHING,
            COMMENTS,
            [("wrong", RIGHTS, "it lacks deployments: write, metadata: read, contents: read")],
        ),
        (APP.rights, {**APP.rights, "statuses": "read"}, [("wrong", RIGHTS, "it lacks statuses: write")]),
        (APP.rights, {**APP.rights, "issues": "read", "contents": "read", "metadata": "read"}, []),
        (APP.rights, {**APP.rights, "workflows": "write"}, [("advised", EXCESS, "workflows: write")]),
        (EVERYTHING, {**EVERYTHING, "contents": "write"}, [("advised", EXCESS, "contents: write")]),
    ],
)
def test_an_app_has_to_be_granted_what_runs_ask_for_and_no_more(
    staging: Needs, rights: Mapping[str, str], granted: Mapping[str, str], expected: list[tuple[str, str, str]]
) -> None:
    answers: dict[str, Answered] = {"GET /app/installations/7": (200, {"permissions": dict(granted)})}
    with asked(staging, answers, app=replace(APP, rights=rights), token=None, reader=None) as (rows, served):
        assert [(row.state, row.what, row.said) for row in rows if row.state != "fine"] == expected
        (made,) = [each.body for each in served.asked if each.path.endswith("/access_tokens")]
    assert made["permissions"] == {"statuses": "write", "pull_requests": "read"}, "no more than is tried"


def test_each_owner_s_installation_is_looked_at(staging: Needs) -> None:
    answers: dict[str, Answered] = {
        "GET /app/installations/8": (200, {"permissions": {"statuses": "write"}}),
        "POST /app/installations/8/access_tokens": (201, {"token": "made"}),
    }
    with asked(staging, answers, app=replace(APP, installations={"acme": "8"}), token=None, reader=None) as (rows, _):
        found = [(row.state, row.what) for row in rows if row.state != "fine"]
    assert found == [("wrong", "the GitHub App Iv1, installation 8, has the rights that runs ask for")]


def test_what_a_stack_needs_of_its_app_is_in_what_is_looked_at() -> None:
    def rights(**forge: Any) -> Mapping[str, str]:
        config = stack_config(ROOT / "Pulumi.staging.yaml")
        said = json.loads(config["tekton-delivery:forge"])
        del said["token"], said["okToTest"]
        app = {"id": "Iv1", "installationId": 7, "privateKey": {"file": "secrets/app.pem"}}
        said |= {"kind": "github", "apiUrl": "https://api.github.com", "app": app} | forge
        found = needs("staging", config | {"tekton-delivery:forge": json.dumps(said)}, read=placeholder).forge.app
        assert found
        return found.rights

    assert rights() == COMMENTS
    assert rights(comment=False) == APP.rights
    assert rights(deployments=True, okToTest={}) == COMMENTS | {"deployments": "write", "metadata": "read"}
    assert rights(okToTest={"token": {"file": "secrets/forge-reader-token"}}) == COMMENTS


def test_a_key_that_does_not_sign_is_wrong_and_not_shown(staging: Needs) -> None:
    with asked(staging, {}, app=replace(APP, key="not a key"), token=None) as (rows, _):
        assert [(row.state, row.mend) for row in rows if "App" in row.what] == [("wrong", "forge.app.privateKey")]
        assert "not a key" not in str(rows)
