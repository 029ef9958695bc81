"""How commits are fetched: by git over HTTP from a repository of the test's own, and by ssh with a stand-in."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offline.needs.values import Needs, Repository
from operate.doctor import git
from operate.doctor.http import Http
from operate.doctor.rows import Row
from tests.operate.doctor.fakes import Answered, Asked, serving
from tests.operate.doctor.test_forge import APP

SHOP = Repository("acme/shop", None, ("main",))


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder of repositories, as a forge has it."""
    folder = tmp_path / "forge" / "acme" / "shop.git"
    folder.mkdir(parents=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    for command in (
        ("init", "--quiet", "--bare", "--initial-branch=main", "."),
        (
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "commit-tree",
            "-m",
            "one",
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        ),
    ):
        subprocess.run(["git", "hash-object", "-w", "-t", "tree", "/dev/null"], cwd=folder, env=env, capture_output=True)
        done = subprocess.run(["git", *command], cwd=folder, env=env, capture_output=True, text=True, check=True)
    subprocess.run(["git", "update-ref", "refs/heads/main", done.stdout.strip()], cwd=folder, env=env, check=True)
    return tmp_path / "forge"


@contextmanager
def stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Path, *, refuses: str = "", says: str = ""
) -> Iterator[Path]:
    """An ssh that runs git's own server here; it notes its arguments, and refuses what a key may not."""
    folder = tmp_path / "bin"
    folder.mkdir()
    ssh = folder / "ssh"
    ssh.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\nfor last; do :; done\n'
        f"case $last in *{refuses or 'nothing'}*) echo '{says}' >&2; exit 128 ;; esac\n"
        f'cd {bare} && eval "$(echo "$last" | sed "s|\'/|\'|")"\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    yield tmp_path / "asked"


def rows(staging: Needs, http: Http | None = None, **changes: Any) -> list[Row]:
    there = {"git_url": "ssh://git@forge.example:2222", "key": "k", "known_hosts": "h", "repositories": (SHOP,)}
    return list(git.rows(replace(staging, forge=replace(staging.forge, **{**there, **changes})), http or Http()))


def told(found: list[Row]) -> list[tuple[str, str]]:
    return [(row.state, row.what) for row in found]


def test_a_key_that_reads_alone_is_fine(staging: Needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Path) -> None:
    with stand_in(tmp_path, monkeypatch, bare, refuses="receive-pack", says="marked as read only") as asked:
        found = rows(staging)
        assert told(found) == [
            ("fine", "acme/shop is fetched, branch main"),
            ("fine", "forge.ssh.privateKey only reads acme/shop"),
        ], found
        assert "StrictHostKeyChecking=yes" in asked.read_text()


def test_a_key_that_may_push_is_wrong_and_nothing_is_pushed(
    staging: Needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    def refs() -> str:
        return subprocess.run(["git", "show-ref"], cwd=bare / "acme/shop.git", capture_output=True, text=True).stdout

    before = refs()
    with stand_in(tmp_path, monkeypatch, bare):
        assert told(rows(staging))[1] == ("wrong", "forge.ssh.privateKey only reads acme/shop")
    assert refs() == before != ""


def test_a_branch_that_is_not_there_is_wrong(
    staging: Needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    with stand_in(tmp_path, monkeypatch, bare, refuses="receive-pack"):
        found = rows(staging, repositories=(replace(SHOP, branches=("trunk",)),))
        assert (found[0].state, found[0].mend) == ("wrong", "`baseBranch` of the application")


@pytest.mark.parametrize(
    ("says", "mend"),
    [
        ("Host key verification failed.", "forge.ssh.knownHosts"),
        ("Permission denied (publickey).", "register forge.ssh.privateKey there, to read alone"),
    ],
)
def test_what_ssh_says_is_told(
    staging: Needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Path, says: str, mend: str
) -> None:
    with stand_in(tmp_path, monkeypatch, bare, refuses="pack", says=says):
        (row,) = rows(staging)
        assert (row.state, row.mend) == ("wrong", mend)
        assert says in row.said


def test_a_name_that_the_cluster_alone_knows_is_asked_by_its_address(
    staging: Needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    with stand_in(tmp_path, monkeypatch, bare, refuses="receive-pack") as asked:
        rows(staging, Http({"forge.example": "10.0.0.7"}))
        assert "Hostname=10.0.0.7 -o HostKeyAlias=[forge.example]:2222" in asked.read_text()


def test_nothing_is_asked_without_git_or_the_key(staging: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(rows(staging, unread=("forge.ssh.privateKey",))) == [("unknown", "acme/shop is fetched")]
    monkeypatch.setenv("PATH", "/nowhere")
    assert told(rows(staging)) == [("unknown", "commits can be fetched")]


def test_a_repository_is_fetched_by_its_own_key(
    staging: Needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    with stand_in(tmp_path, monkeypatch, bare, refuses="receive-pack", says="marked as read only"):
        own = {"acme/shop": ("forge.ssh.deployKeys.acme/shop", "own")}
        found = rows(staging, own=own, unread=("forge.ssh.privateKey",))
        assert told(found)[-1] == ("fine", "forge.ssh.deployKeys.acme/shop only reads acme/shop")
        found = rows(staging, own=own, unread=("forge.ssh.deployKeys.acme/shop",))
        assert told(found) == [("unknown", "acme/shop is fetched")]


def test_a_forge_over_https_that_does_not_answer_is_wrong(staging: Needs) -> None:
    found = rows(staging, git_url="http://127.0.0.1:9", git_user="x", git_token="hunter2")
    assert told(found) == [("wrong", "acme/shop is fetched, branch main")]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (201, {"token": "ghs_made"}, "branch main"),
        (422, {"message": "no such right"}, "422 no such right: the App's installation lacks the repository, or the right"),
    ],
)
def test_an_app_is_asked_for_a_token_as_the_minter_asks(staging: Needs, status: int, answer: Any, said: str) -> None:
    """The forge of this test knows no git: what a token opens is told as of any other."""

    def handler(asked: Asked) -> Answered:
        return (status, answer) if asked.where == "/app/installations/7/access_tokens" else (404, {})

    with serving(handler) as served:
        by_app = {"fetches_by_app": True, "app": APP, "git_user": "x-access-token", "git_token": None}
        (row,) = rows(staging, git_url=served.url, api_url=served.url, **by_app)
        (call,) = [each for each in served.asked if each.method == "POST"]
    assert call.body == {"repositories": ["shop"], "permissions": {"contents": "read"}}
    assert row.state == "wrong"
    assert said in row.what + row.said
    assert "ghs_made" not in str(row)


def test_without_the_apps_key_nothing_is_asked(staging: Needs) -> None:
    (row,) = rows(staging, git_url="http://127.0.0.1:9", fetches_by_app=True, app=replace(APP, key=None))
    assert (row.state, row.what) == ("unknown", "acme/shop is fetched")
