"""fetch.sh: exactly one commit over SSH, from a host that is known, leaving no way back to the forge.

git is the real one. `ssh` is a stand-in that answers on this machine and records how it was called.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tasks.scripts.conftest import HOSTILE, Result, Sandbox

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

# The last argument is what git wants to run on the forge.
SSH = 'for command; do :; done\nexec sh -c "$command"'


def git(folder: Path, *arguments: str) -> str:
    author = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example",
    }
    env = author | {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(folder)}
    done = subprocess.run(["git", *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two commits; the first is what a pull request's head is: a commit that need not be a branch."""
    repository = tmp_path_factory.mktemp("forge")
    git(repository, "init", "--quiet", "--initial-branch=main")
    for subject, content in (("First $(touch pwned) \\n", "first"), ("Second", "second")):
        (repository / "file").write_text(content)
        git(repository, "add", "file")
        git(repository, "commit", "--quiet", "--message", subject)
    return repository


@pytest.fixture(scope="module")
def head(forge: Path) -> str:
    return git(forge, "rev-parse", "HEAD")


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    """With the real git, also beside busybox's commands."""
    if not (sandbox.userland / "git").exists():
        (sandbox.bin / "git").symlink_to(shutil.which("git") or "")
    return sandbox


def fetch(sandbox: Sandbox, url: str, sha: str, ssh: str = SSH) -> Result:
    sandbox.stub("ssh", ssh)
    for name in ("ssh-privatekey", "known_hosts"):
        sandbox.file(f"ssh/{name}")
    return sandbox.run(
        "fetch",
        PARAM_REPOSITORY_URL=url,
        PARAM_HEAD_SHA=sha,
        SSH_DIRECTORY=sandbox.root / "ssh",
        SOURCE=sandbox.root / "source",
        RESULT_TREE_PATH=sandbox.root / "tree",
    )


def address(forge: Path) -> str:
    return f"ssh://git@forge.internal:2222{forge}"


def test_it_checks_out_the_commit_and_hands_on_its_tree(sandbox: Sandbox, forge: Path, head: str) -> None:
    result = fetch(sandbox, address(forge), head)
    assert result.code == 0, result.err
    assert (sandbox.root / "source/file").read_text() == "second"
    assert (sandbox.root / "tree").read_bytes() == git(forge, "rev-parse", "HEAD^{tree}").encode()


def test_an_older_commit_is_fetched_as_well_as_the_newest(sandbox: Sandbox, forge: Path, head: str) -> None:
    result = fetch(sandbox, address(forge), git(forge, "rev-parse", "HEAD~1"))
    assert result.code == 0, result.err
    assert (sandbox.root / "source/file").read_text() == "first"
    assert "First $(touch pwned) \\n" in result.out


def test_only_that_commit_is_fetched(sandbox: Sandbox, forge: Path, head: str) -> None:
    fetch(sandbox, address(forge), head)
    assert git(sandbox.root / "source", "rev-list", "--all", "HEAD").splitlines() == [head]


def test_the_host_must_be_known_and_nobody_is_asked(sandbox: Sandbox, forge: Path, head: str) -> None:
    fetch(sandbox, address(forge), head)
    (call, *_) = sandbox.called("ssh")
    for option in (
        "StrictHostKeyChecking=yes",
        f"UserKnownHostsFile={sandbox.root}/ssh/known_hosts",
        "BatchMode=yes",
        "IdentitiesOnly=yes",
    ):
        assert option in call
    assert call[call.index("-i") + 1] == f"{sandbox.root}/ssh/ssh-privatekey"
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
    assert not (sandbox.root / "tree").exists()


@pytest.mark.parametrize(
    "url", ["{}", "file://{}", "ext::sh -c touch% pwned", "--upload-pack=touch pwned", "http://forge.internal{}"]
)
def test_only_ssh_is_spoken(sandbox: Sandbox, forge: Path, head: str, url: str) -> None:
    result = fetch(sandbox, url.format(forge), head)
    assert result.code != 0
    assert sandbox.calls == []
    assert not (sandbox.root / "tree").exists()


def test_a_refusing_forge_fails_the_step(sandbox: Sandbox, forge: Path, head: str) -> None:
    result = fetch(sandbox, address(forge), head, ssh="echo 'Permission denied (publickey).' >&2; exit 255")
    assert result.code != 0
    assert "Permission denied" in result.err


def test_configuration_left_in_a_shared_home_is_ignored(sandbox: Sandbox, forge: Path, head: str) -> None:
    """Steps of a pod share a home folder; an earlier pod-mate's git configuration must not matter."""
    sandbox.file("home/.gitconfig", '[url "ssh://git@evil.example/"]\n\tinsteadOf = ssh://git@forge.internal:2222/\n')
    sandbox.stub("ssh", SSH)
    result = sandbox.run(
        "fetch",
        HOME=sandbox.root / "home",
        PARAM_REPOSITORY_URL=address(forge),
        PARAM_HEAD_SHA=head,
        SSH_DIRECTORY=sandbox.root / "ssh",
        SOURCE=sandbox.root / "source",
        RESULT_TREE_PATH=sandbox.root / "tree",
    )
    assert result.code == 0, result.err
    assert all("git@forge.internal" in call for call in sandbox.called("ssh"))
