"""fetch.sh: exactly one commit over SSH, from a host that is known, leaving no way back to the forge.

git is the real one. `ssh` is a stand-in that answers on this machine and records how it was called.
"""

import re
import shutil
import time
from pathlib import Path

import pytest

from components.tasks.git import SSH as OVER_SSH
from tests.tasks.scripts.conftest import FETCH, HOSTILE, SSH, Result, Sandbox, git


def fetch(sandbox: Sandbox, url: str, sha: str, ssh: str = SSH, **more: str) -> Result:
    sandbox.stub("ssh", ssh)
    env = dict(OVER_SSH.env) | FETCH | {"PARAM_REF": sha, "RESULT_REASON_PATH": str(sandbox.root / "reason")} | more
    return sandbox.run("fetch", PARAM_REPOSITORY_URL=url, PARAM_HEAD_SHA=sha, SOURCE=sandbox.root / "source", **env)


def address(forge: Path) -> str:
    return f"ssh://git@forge.internal:2222{forge}"


def test_it_checks_out_the_commit(sandbox: Sandbox, forge: Path, head: str) -> None:
    result = fetch(sandbox, address(forge), head)
    assert result.code == 0, result.err
    assert (sandbox.root / "source/file").read_text() == "second"


def test_it_leaves_the_commits_date_beside_the_checkout(sandbox: Sandbox, forge: Path, head: str) -> None:
    assert fetch(sandbox, address(forge), head).code == 0
    assert (sandbox.root / "committed").read_text().strip() == git(forge, "log", "-1", "--format=%ct")


def test_the_same_commit_leaves_the_same_files_whenever_it_is_fetched(sandbox: Sandbox, forge: Path, head: str) -> None:
    """A Dockerfile may copy all of it. What git notes of files and of its doings names the pod and the time."""

    def left() -> dict[str, bytes]:
        source = sandbox.root / "source"
        assert fetch(sandbox, address(forge), head, HOSTNAME=str(len(found))).code == 0
        files = {str(path.relative_to(source)): path.read_bytes() for path in source.rglob("*") if path.is_file()}
        assert git(source, "status", "--porcelain") == "", "git knows its files all the same"
        shutil.rmtree(source)
        return files

    found: list[dict[str, bytes]] = []
    for _ in range(2):
        found.append(left())
        time.sleep(1.1)
    once, again = found
    assert once.keys() == again.keys()
    assert [name for name in once if once[name] != again[name]] == []
    assert not any(name.startswith(".git/logs") for name in once)


@pytest.mark.parametrize("date", ["99999999999", "18446744073709551615"])
def test_a_date_that_is_none_is_the_first_one(sandbox: Sandbox, forge: Path, date: str) -> None:
    text = git(forge, "cat-file", "commit", "HEAD")
    odd = sandbox.file("odd", re.sub(r"(?m)^(committer .*>) \d+ ", rf"\1 {date} ", text) + "\n")
    commit = git(forge, "hash-object", "-t", "commit", "-w", "--literally", str(odd))
    git(forge, "update-ref", "refs/pull/9/head", commit)
    assert fetch(sandbox, address(forge), commit, PARAM_REF="refs/pull/9/head").code == 0
    assert (sandbox.root / "committed").read_text() == "0\n"


def test_an_older_commit_is_fetched_as_well_as_the_newest(sandbox: Sandbox, forge: Path, head: str) -> None:
    result = fetch(sandbox, address(forge), git(forge, "rev-parse", "HEAD~1"))
    assert result.code == 0, result.err
    assert (sandbox.root / "source/file").read_text() == "first"
    assert "First $(touch pwned) \\n" in result.out


def test_a_pull_requests_ref_is_fetched_if_it_is_that_commit(sandbox: Sandbox, forge: Path, head: str) -> None:
    git(forge, "update-ref", "refs/pull/7/head", head)
    result = fetch(sandbox, address(forge), head, PARAM_REF="refs/pull/7/head")
    assert result.code == 0, result.err


def test_a_pull_request_that_moved_on_is_not_tested(sandbox: Sandbox, forge: Path, head: str) -> None:
    """Between the look at the forge and the fetch somebody may push."""
    git(forge, "update-ref", "refs/pull/7/head", head)
    result = fetch(sandbox, address(forge), git(forge, "rev-parse", "HEAD~1"), PARAM_REF="refs/pull/7/head")
    assert result.code != 0
    assert f"refs/pull/7/head is {head}" in result.err


def test_only_that_commit_is_fetched(sandbox: Sandbox, forge: Path, head: str) -> None:
    fetch(sandbox, address(forge), head)
    assert git(sandbox.root / "source", "rev-list", "--all", "HEAD").splitlines() == [head]


def test_the_host_must_be_known_and_nobody_is_asked(sandbox: Sandbox, forge: Path, head: str) -> None:
    fetch(sandbox, address(forge), head)
    (call, *_) = sandbox.called("ssh")
    for option in (
        "StrictHostKeyChecking=yes",
        "UserKnownHostsFile=/credentials/git/known_hosts",
        "BatchMode=yes",
        "IdentitiesOnly=yes",
    ):
        assert option in call
    assert call[call.index("-i") + 1] == "/credentials/git/ssh-privatekey"
    assert call[call.index("-F") + 1] == "/dev/null"
    assert call[call.index("-p") + 1] == "2222"


def test_the_checkout_knows_no_way_back(sandbox: Sandbox, forge: Path, head: str) -> None:
    """What untrusted code finds in .git names neither the forge nor the key."""
    fetch(sandbox, address(forge), head)
    for path in (sandbox.root / "source").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"forge.internal" not in content, path
            assert b"ssh-privatekey" not in content, path


@pytest.mark.parametrize(
    "sha", ["", "main", "0" * 39, "0" * 41, "A" * 40, "0" * 40 + "\n--upload-pack=x", "x\n" + "0" * 40, *HOSTILE]
)
def test_what_is_no_full_sha_is_refused(sandbox: Sandbox, sha: str) -> None:
    result = fetch(sandbox, "ssh://git@forge.internal/shop.git", sha)
    assert result.code != 0
    assert "is no full commit sha (40 hex digits)" in result.err
    assert sandbox.calls == []


def test_a_commit_that_is_not_there_fails(sandbox: Sandbox, forge: Path, head: str) -> None:
    result = fetch(sandbox, address(forge), "0123456789abcdef" * 2 + "01234567")
    assert result.code != 0
    assert result.err


@pytest.mark.parametrize(
    "url", ["{}", "file://{}", "ext::sh -c touch% pwned", "--upload-pack=touch pwned", "http://forge.internal{}"]
)
def test_only_ssh_is_spoken(sandbox: Sandbox, forge: Path, head: str, url: str) -> None:
    result = fetch(sandbox, url.format(forge), head)
    assert result.code != 0
    assert not (sandbox.root / "source/file").exists()
    assert sandbox.calls == []


def test_a_refusing_forge_fails_the_step(sandbox: Sandbox, forge: Path, head: str) -> None:
    result = fetch(sandbox, address(forge), head, ssh="echo 'Permission denied (publickey).' >&2; exit 255")
    assert result.code != 0
    assert "Permission denied" in result.err


def test_configuration_left_in_a_shared_home_is_ignored(sandbox: Sandbox, forge: Path, head: str) -> None:
    """Steps of a pod share a home folder; an earlier pod-mate's git configuration must not matter."""
    sandbox.file("home/.gitconfig", '[url "ssh://git@evil.example/"]\n\tinsteadOf = ssh://git@forge.internal:2222/\n')
    result = fetch(sandbox, address(forge), head, HOME=str(sandbox.root / "home"))
    assert result.code == 0, result.err
    assert all("git@forge.internal" in call for call in sandbox.called("ssh"))
