"""History: the history of a commit and of the base branch, without a file of the repository."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.steps.conftest import HOSTILE, Sandbox, git
from tests.steps.fetching import commits


def content(sandbox: Sandbox) -> Any:
    return json.loads((sandbox.root / "content.json").read_text())


def test_it_knows_the_commit_the_branch_and_how_they_relate(sandbox: Sandbox, forge: Path) -> None:
    first, second = git(forge, "rev-parse", "HEAD~1"), git(forge, "rev-parse", "HEAD")
    result = commits(sandbox, f"ssh://git@forge.internal:2222{forge}", first)
    assert result.code == 0, result.err
    history = sandbox.root / "history" / "commits.git"
    assert git(history, "rev-parse", "commit", "base").split() == [first, second]
    assert git(history, "log", "-1", "--format=%T", "commit") == git(forge, "rev-parse", "HEAD~1^{tree}")
    git(history, "merge-base", "--is-ancestor", "commit", "base")


def test_no_file_and_no_folder_is_fetched(sandbox: Sandbox, forge: Path, head: str) -> None:
    """The pod that holds production's rights has nothing of the pull request but commits."""
    commits(sandbox, f"ssh://git@forge.internal:2222{forge}", head)
    kinds = git(sandbox.root / "history" / "commits.git", "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    assert set(kinds.split()) == {"commit"}


@pytest.mark.parametrize("commit", ["main", "0" * 39, "0" * 40 + "\nx", HOSTILE[2], HOSTILE[3]])
def test_what_is_no_full_sha_is_refused(sandbox: Sandbox, commit: str) -> None:
    result = commits(sandbox, "ssh://git@forge.internal/shop.git", commit)
    assert result.code != 0
    assert "is no full commit sha (40 hex digits)" in result.err
    assert sandbox.calls == []


def test_a_branch_that_is_not_there_fails(sandbox: Sandbox, forge: Path, head: str) -> None:
    result = commits(sandbox, f"ssh://git@forge.internal:2222{forge}", head, branch="release")
    assert result.code != 0
    assert "release" in result.err


def test_a_merged_head_that_is_no_sha_is_refused_too(sandbox: Sandbox, head: str) -> None:
    result = commits(sandbox, "ssh://git@forge.internal/shop.git", head, merged_head=HOSTILE[2])
    assert "is no full commit sha (40 hex digits)" in result.err
    assert sandbox.calls == []


def test_of_an_application_that_is_the_whole_repository_it_says_the_tree(sandbox: Sandbox, forge: Path, head: str) -> None:
    commits(sandbox, f"ssh://git@forge.internal:2222{forge}", head)
    tree = git(forge, "rev-parse", f"{head}^{{tree}}")
    assert content(sandbox) == {"tree": tree, "current": True, "touched": True, "tested": False}


@pytest.mark.parametrize(("moved", "tested"), [(False, True), (True, False)])
def test_a_merge_made_what_the_head_was_unless_the_base_branch_had_moved(
    sandbox: Sandbox, tmp_path: Path, moved: bool, tested: bool
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "first")
    for branch in ("change", "other"):
        git(folder, "checkout", "--quiet", "-b", branch, "main")
        (folder / branch).write_text(branch)
        git(folder, "add", branch)
        git(folder, "commit", "--quiet", "--message", branch)
        git(folder, "checkout", "--quiet", "main")
    for branch in ["other", "change"] if moved else ["change"]:
        git(folder, "merge", "--quiet", "--no-ff", "--message", branch, branch)
    merge, head = git(folder, "rev-parse", "main", "change").split()
    result = commits(sandbox, f"ssh://git@forge.internal:2222{folder}", merge, merged_head=head)
    assert result.code == 0, result.err
    assert content(sandbox)["tested"] is tested


def test_where_nobody_asks_for_it_the_head_is_not_fetched(sandbox: Sandbox, forge: Path, head: str) -> None:
    gone = "f" * 40
    url = f"ssh://git@forge.internal:2222{forge}"
    assert commits(sandbox, url, head, merged_head=gone, compare=False).code == 0


def test_a_commit_behind_the_base_branch_is_not_current(sandbox: Sandbox, forge: Path) -> None:
    commits(sandbox, f"ssh://git@forge.internal:2222{forge}", git(forge, "rev-parse", "HEAD~1"))
    assert content(sandbox)["current"] is False


SHOP = ("services/shop", "lib/text.txt")


class TestPaths:
    """An application that is made of a part of its repository."""

    @pytest.fixture
    def mono(self, tmp_path: Path) -> Path:
        """A repository with two services and a library; `main` is where pull requests go."""
        folder = tmp_path / "mono"
        folder.mkdir()
        git(folder, "init", "--quiet", "--initial-branch=main")
        git(folder, "config", "uploadpack.allowFilter", "true")
        self.change(folder, "services/shop/app", "services/mail/app", "lib/text.txt")
        return folder

    def change(self, folder: Path, *files: str) -> str:
        """Commit new content of files to the branch that is checked out."""
        for name in files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{git(folder, 'rev-parse', '--verify', 'HEAD') if path.exists() else 'new'}\n")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", "a change")
        return git(folder, "rev-parse", "HEAD")

    def branch(self, folder: Path, name: str, *commits: tuple[str, ...]) -> str:
        git(folder, "checkout", "--quiet", "-b", name, "main")
        for files in commits:
            head = self.change(folder, *files)
        git(folder, "checkout", "--quiet", "main")
        return head

    def seen(self, sandbox: Sandbox, folder: Path, commit: str, merged_head: str = "") -> Any:
        url = f"ssh://git@forge.internal:2222{folder}"
        result = commits(sandbox, url, commit, paths=SHOP, merged_head=merged_head)
        assert result.code == 0, result.err
        return content(sandbox)

    def test_it_says_what_lies_at_each_path(self, sandbox: Sandbox, mono: Path) -> None:
        head = self.branch(mono, "change", ("services/shop/app",))
        folder, file = git(mono, "rev-parse", f"{head}:services/shop", f"{head}:lib/text.txt").split()
        assert self.seen(sandbox, mono, head) == {
            "tree": git(mono, "rev-parse", f"{head}^{{tree}}"),
            "paths": {"services/shop": f"040000 {folder}", "lib/text.txt": f"100644 {file}"},
            "current": True,
            "touched": True,
            "tested": False,
        }

    def test_what_is_not_there_is_said_too(self, sandbox: Sandbox, mono: Path) -> None:
        git(mono, "rm", "--quiet", "-r", "services/shop")
        git(mono, "commit", "--quiet", "--message", "gone")
        found = self.seen(sandbox, mono, git(mono, "rev-parse", "HEAD"))
        assert found["paths"]["services/shop"] == ""

    def test_files_of_the_repository_are_not_fetched(self, sandbox: Sandbox, mono: Path) -> None:
        self.seen(sandbox, mono, self.branch(mono, "change", ("services/shop/app",)))
        for folder in ("history/commits.git", "history/trees.git"):
            kinds = git(sandbox.root / folder, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
            assert "blob" not in kinds

    @pytest.mark.parametrize(
        ("files", "touched"),
        [(("services/mail/app",), False), (("services/mail/app", "lib/text.txt"), True), (("services/shop/new",), True)],
    )
    def test_a_pull_request_touches_what_it_changes(
        self, sandbox: Sandbox, mono: Path, files: tuple[str, ...], touched: bool
    ) -> None:
        assert self.seen(sandbox, mono, self.branch(mono, "change", files))["touched"] is touched

    def test_what_others_changed_meanwhile_is_not_its_touch_and_does_not_make_it_stale(
        self, sandbox: Sandbox, mono: Path
    ) -> None:
        head = self.branch(mono, "change", ("services/shop/app",))
        self.change(mono, "services/mail/app")
        found = self.seen(sandbox, mono, head)
        assert (found["touched"], found["current"]) == (True, True)

    def test_it_is_stale_once_the_base_branch_moved_where_it_matters(self, sandbox: Sandbox, mono: Path) -> None:
        head = self.branch(mono, "change", ("services/mail/app",))
        self.change(mono, "services/shop/app")
        found = self.seen(sandbox, mono, head)
        assert (found["touched"], found["current"]) == (False, False)

    @pytest.mark.parametrize("style", ["merge", "squash", "rebase"])
    @pytest.mark.parametrize(
        ("first", "second", "touched"),
        [
            ("services/mail/app", "services/mail/app", False),
            # The last commit does not touch it, but an earlier one does.
            ("services/shop/app", "services/mail/app", True),
        ],
    )
    def test_a_merge_touches_what_the_whole_pull_request_changes(
        self, sandbox: Sandbox, mono: Path, style: str, first: str, second: str, touched: bool
    ) -> None:
        head = self.branch(mono, "change", (first,), (second,))
        self.change(mono, "services/mail/other", "services/shop/other")
        if style == "merge":
            git(mono, "merge", "--quiet", "--no-ff", "--message", "merge", "change")
        elif style == "squash":
            git(mono, "merge", "--quiet", "--squash", "change")
            git(mono, "commit", "--quiet", "--message", "squashed")
        else:
            git(mono, "checkout", "--quiet", "-b", "rebased", "change")
            git(mono, "rebase", "--quiet", "main")
            git(mono, "checkout", "--quiet", "main")
            git(mono, "merge", "--quiet", "--ff-only", "rebased")
        found = self.seen(sandbox, mono, git(mono, "rev-parse", "HEAD"), merged_head=head)
        assert found["touched"] is touched

    def test_a_fast_forward_does_not_tell_so_it_counts_as_touching(self, sandbox: Sandbox, mono: Path) -> None:
        head = self.branch(mono, "change", ("services/mail/app",))
        git(mono, "merge", "--quiet", "--ff-only", "change")
        assert self.seen(sandbox, mono, head, merged_head=head)["touched"] is True
