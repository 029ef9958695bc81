"""Users of registries: each does what it is for and no more, asked without leaving anything."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from offline.needs.values import Image, Login, Needs, Right
from operate.doctor import registry
from operate.doctor.http import Answer, Http
from operate.doctor.rows import Row
from tests.operate.doctor.fakes import FakeRegistry, Served, serving

REPOSITORY = "acme/shop"
WRITER, READER = Login("registry.write", "writer", "w"), Login("registry.read", "reader", "r")
CLEANER = Login("registry.delete", "cleaner", "c")
DIGEST = f"sha256:{'a' * 64}"


def fake(**rights: str) -> FakeRegistry:
    """A registry in which users have rights in the one repository."""
    held = {"writer": "pull push", "reader": "pull", "cleaner": "pull delete"} | rights
    return FakeRegistry(
        {"writer": "w", "reader": "r", "cleaner": "c"}, {(user, REPOSITORY): may for user, may in held.items()}
    )


@contextmanager
def asked(
    staging: Needs, made: FakeRegistry, *logins: Login | None, images: tuple[str, ...] = ()
) -> Iterator[tuple[list[Row], Served]]:
    wants = {
        "registry.write": (("pull", "push"), ()),
        "registry.read": (("pull",), ("push", "delete")),
        "registry.delete": (("pull", "delete"), ("push",)),
    }
    with serving(made) as served:
        if made.realm:
            made.realm = f"{served.url}/token"
        rights = [
            Right(login, served.url, REPOSITORY, *(wants[login.setting] if login else (("pull",), ("push", "delete"))))
            for login in logins
        ]
        there = tuple(Image("toolsImage", f"{served.address}/{each}", served.url, READER) for each in images)
        needed = replace(staging, rights=tuple(rights), images=there)
        yield list(registry.rows(needed, Http())), served


def states(rows: list[Row]) -> list[str]:
    return [row.state for row in rows]


@pytest.mark.parametrize("realm", ["", "tokens"])
def test_users_with_the_rights_of_the_table_are_fine_and_nothing_is_left(staging: Needs, realm: str) -> None:
    made = fake()
    made.realm = realm
    with asked(staging, made, WRITER, READER, CLEANER) as (rows, served):
        assert states(rows) == ["fine"] * 3, rows
        assert rows[0].said == "pull, push in acme/shop, and no more"
        assert served.paths("POST") == [], "no upload is begun: who may not delete could not give it up"
        digests = {path.rpartition(":")[2] for method in ("PUT", "DELETE") for path in served.paths(method)}
        assert len(digests) == len(served.paths("PUT")) + len(served.paths("DELETE")), (
            "each is about a digest that nothing has"
        )


@pytest.mark.parametrize("realm", ["", "tokens"])
@pytest.mark.parametrize(
    ("login", "has", "state", "what"),
    [
        (WRITER, "pull", "wrong", "registry.write (writer): push in acme/shop"),
        (READER, "push", "wrong", "registry.read (reader): pull in acme/shop"),
        (READER, "pull push", "wrong", "registry.read (reader): push in acme/shop"),
        (READER, "pull delete", "wrong", "registry.read (reader): delete in acme/shop"),
        (CLEANER, "pull", "wrong", "registry.delete (cleaner): delete in acme/shop"),
        (CLEANER, "pull push delete", "wrong", "registry.delete (cleaner): push in acme/shop"),
        (WRITER, "pull push delete", "advised", "registry.write (writer): delete in acme/shop"),
    ],
)
def test_a_right_that_is_missing_or_too_much_is_named(
    staging: Needs, realm: str, login: Login, has: str, state: str, what: str
) -> None:
    made = fake(**{login.username: has})
    made.realm = realm
    with asked(staging, made, login) as (rows, _):
        assert (state, what) in [(row.state, row.what) for row in rows]
        assert all(row.mend for row in rows if row.state != "fine")


@pytest.mark.parametrize("realm", ["", "tokens"])
def test_a_wrong_password_is_told_once_and_not_repeated(staging: Needs, realm: str) -> None:
    made = fake()
    made.realm = realm
    with asked(staging, made, replace(READER, password="hunter2")) as (rows, _):
        assert [(row.state, row.mend) for row in rows] == [("wrong", "registry.read.password")]
        assert "hunter2" not in str(rows)


def test_of_a_user_of_base_images_only_the_password_is_tried(staging: Needs) -> None:
    with serving(fake()) as served:
        for password, state in (("r", "fine"), ("x", "wrong")):
            right = Right(Login("build.baseImages.docker.io.read", "reader", password), served.url, "")
            (row,) = registry.rows(replace(staging, rights=(right,), images=()), Http())
            assert row.state == state


def test_a_registry_that_deletes_nothing_is_named(staging: Needs) -> None:
    made = fake()
    made.deletes = False
    with asked(staging, made, CLEANER) as (rows, _):
        assert [(row.state, row.said) for row in rows] == [("wrong", "the registry has deleting switched off")]


def test_who_reads_before_the_first_push_is_not_known(staging: Needs) -> None:
    """Some registries refuse what is not there to who may not push."""
    made = fake(reader="")
    made.absent.add(REPOSITORY)
    with asked(staging, made, READER, WRITER) as (rows, _):
        assert [row.state for row in rows if "reader" in row.what] == ["unknown"]
    with asked(staging, fake(reader=""), READER, WRITER) as (rows, _):
        assert [row.state for row in rows if "reader" in row.what] == ["wrong"], "the control"


def test_everybody_may_read_where_the_stack_has_no_reader(staging: Needs) -> None:
    made = fake()
    made.passwords[""], made.rights["", REPOSITORY] = "", "pull"
    with asked(staging, made, None) as (rows, _):
        assert states(rows) == ["fine"]
    made.rights["", REPOSITORY] = "pull push"
    with asked(staging, made, None) as (rows, _):
        assert ("wrong", "everybody: push in acme/shop") in [(row.state, row.what) for row in rows]


def test_a_password_that_cannot_be_read_is_not_tried(staging: Needs) -> None:
    with asked(staging, fake(), replace(READER, password=None)) as (rows, served):
        assert states(rows) == ["unknown"]
        assert served.asked == []


def test_a_registry_that_does_not_answer_is_told_once(staging: Needs) -> None:
    there = Right(READER, "http://127.0.0.1:9", REPOSITORY, ("pull",))
    rows = list(registry.rows(replace(staging, rights=(there, replace(there, login=WRITER)), images=()), Http()))
    assert [(row.state, row.what) for row in rows] == [("wrong", "http://127.0.0.1:9 answers")]


def test_no_password_goes_where_others_read_it(staging: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry over TLS that sends for tokens to somewhere without it."""
    sent: list[str] = []

    def ask(self: Http, method: str, url: str, headers: Any = None, body: Any = None) -> Answer:
        sent.append(url)
        return Answer(401, {"www-authenticate": 'Bearer realm="http://tokens.example/token"'})

    monkeypatch.setattr(Http, "ask", ask)
    right = Right(READER, "https://registry.example", REPOSITORY, ("pull",))
    (row,) = registry.rows(replace(staging, rights=(right,), images=()), Http())
    assert (row.state, "tokens.example" in row.said) == ("wrong", True)
    assert sent == ["https://registry.example/v2/"]


def test_images_of_steps_have_to_be_there(staging: Needs) -> None:
    made = fake()
    made.rights["reader", "platform/tools"] = "pull"
    made.manifests.add(f"platform/tools@{DIGEST}")
    with asked(
        staging, made, images=(f"platform/tools@{DIGEST}", f"platform/tools@sha256:{'b' * 64}", f"other/tools@{DIGEST}")
    ) as (
        rows,
        served,
    ):
        assert states(rows) == ["fine", "wrong", "wrong"]
        assert rows[1].mend == f".venv/bin/python -m images {served.address}/platform"
        assert "refuses reader" in rows[2].said
