"""History and proof on what the styles of merging make of a repository. git is the real one.

Whether a commit that lies on the branch was ever its tip cannot be told from the repository: a fast-forward brings a pull
request's own commits there, and Gitea takes others for merged by them.
"""

import json
import shutil
from pathlib import Path

import pytest

from steps.history import Content
from tests.steps.commit import DIGEST, tree
from tests.steps.conftest import Result, Sandbox, git
from tests.steps.fetching import commits, fetched
from tests.steps.proving import prove as proven
from tests.steps.proving import signed

MOVED = "main has moved on since this merge; to ship what it has now: python -m operate rebuild production shop 7"
STYLES = ("merge", "squash", "rebase", "fast-forward", "by hand")


class Shop:
    """A repository whose branch `main` is where pull requests go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "uploadpack.allowFilter", "true")
        self.git("config", "uploadpack.allowAnySHA1InWant", "true")
        self.change(shop="first", mail="first")

    def git(self, *arguments: str) -> str:
        return git(self.folder, *arguments)

    def change(self, **files: str) -> str:
        """Commit to the branch that is checked out."""
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", " ".join(files.values()))
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str, *texts: str, file: str = "shop") -> str:
        """A pull request's branch from main, with a commit for each text; its head."""
        self.git("checkout", "--quiet", "-b", name, "main")
        heads = [self.change(**{file: text}) for text in texts]
        self.git("checkout", "--quiet", "main")
        return heads[-1]

    def merge(self, style: str, name: str) -> str:
        """Merge a branch as a forge does, or as somebody who pushes main; the commit that main has then."""
        if style == "merge":
            self.git("merge", "--quiet", "--no-ff", "--message", name, name)
        elif style == "by hand":
            # Nothing says that somebody's own merge has the branch that it was pushed to as its first parent.
            made = self.git("commit-tree", "-p", name, "-p", "main", "-m", name, f"{name}^{{tree}}")
            self.git("merge", "--quiet", "--ff-only", made)
        elif style == "squash":
            self.git("merge", "--quiet", "--squash", name)
            self.git("commit", "--quiet", "--message", name)
        elif style == "rebase":
            # Forges write the commits anew even where nothing has moved.
            self.git("checkout", "--quiet", "-b", f"{name}-rebased", name)
            self.git("rebase", "--quiet", "--force-rebase", "--signoff", "main")
            self.git("checkout", "--quiet", "main")
            self.git("merge", "--quiet", "--ff-only", f"{name}-rebased")
        else:
            self.git("merge", "--quiet", "--ff-only", name)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


def prove(sandbox: Sandbox, shop: Shop, merge: str, head: str, *, paths: str = "", built: str = "") -> Result:
    """Ask about a merge. Staging has run and signed the head, or the commit that was `built`."""
    shutil.rmtree(sandbox.root / "history", ignore_errors=True)
    for name in ("result", "reason", "base"):
        (sandbox.root / name).unlink(missing_ok=True)
    url = f"ssh://git@forge.internal:2222{shop.folder}"
    named = tuple(paths.split())
    result = commits(sandbox, url, merge, paths=named, merged_head=head, compare=False)
    assert result.code == 0, result.err
    said_of_it = {"paths": None} | json.loads((sandbox.root / "content.json").read_text())
    commit = built or head
    said: dict[str, object] = {
        "repository": "acme/shop",
        "application": "shop",
        "headSha": commit,
        "tree": tree(shop.folder, commit),
        "digest": DIGEST,
        "environment": "staging",
    }
    if paths:
        said["paths"] = {
            path: shop.git("ls-tree", "--format=%(objectmode) %(objectname)", commit, path) for path in paths.split()
        }
    signed(sandbox, said)
    sandbox.stub("crane", f"echo {DIGEST}")
    history = fetched(sandbox.root / "history" / "commits.git")
    return proven(
        sandbox, history, Content(**said_of_it), PARAM_HEAD_SHA=head, PARAM_MERGE_SHA=merge, PARAM_PATHS="\n".join(named)
    )


def promoted(sandbox: Sandbox, result: Result) -> bool:
    """Whether the image goes on; if it does not, the step that deploys is told what main has, and why not."""
    assert result.code == 0, result.err
    if (sandbox.root / "result").read_text():
        return True
    assert (sandbox.root / "reason").read_text() == MOVED
    return False


def has(sandbox: Sandbox, shop: Shop) -> bool:
    """Whether the step that deploys was told the branch's tip."""
    return (sandbox.root / "base").read_text() == shop.git("rev-parse", "main")


class TestEachStyle:
    """Each of them, as the tip, and after somebody else's merge."""

    @pytest.mark.parametrize("style", STYLES)
    def test_what_main_has_is_promoted(self, sandbox: Sandbox, shop: Shop, style: str) -> None:
        head = shop.branch("change", "one", "two")
        merge = shop.merge(style, "change")
        assert (merge == head) is (style == "fast-forward")
        assert promoted(sandbox, prove(sandbox, shop, merge, head))

    @pytest.mark.parametrize("style", STYLES)
    def test_what_main_has_moved_on_from_is_not(self, sandbox: Sandbox, shop: Shop, style: str) -> None:
        """The later merge came before this one was asked about. What it made ships both."""
        head = shop.branch("change", "one", "two")
        merge = shop.merge(style, "change")
        later = shop.branch("later", "three")
        last = shop.merge("merge", "later")
        assert not promoted(sandbox, prove(sandbox, shop, merge, head))
        assert has(sandbox, shop)
        assert promoted(sandbox, prove(sandbox, shop, last, later))

    @pytest.mark.parametrize("style", STYLES)
    def test_the_way_out_ships_what_main_has(self, sandbox: Sandbox, shop: Shop, style: str) -> None:
        """`operate rebuild` has staging build what main has, and asks about that for the same pull request."""
        head = shop.branch("change", "one", "two")
        shop.merge(style, "change")
        pushed = shop.change(mail="pushed")
        result = prove(sandbox, shop, pushed, head, built=pushed)
        assert promoted(sandbox, result)

    @pytest.mark.parametrize("style", STYLES)
    def test_a_merge_of_others_that_changes_nothing_here_does_not_matter(
        self, sandbox: Sandbox, shop: Shop, style: str
    ) -> None:
        """An application with paths: what lies there is still what the merge made."""
        head = shop.branch("change", "one", "two")
        merge = shop.merge(style, "change")
        shop.branch("other", "news", file="mail")
        last = shop.merge("merge", "other")
        assert promoted(sandbox, prove(sandbox, shop, merge, head, paths="shop"))
        assert not promoted(sandbox, prove(sandbox, shop, merge, head, paths="shop\nmail"))
        # Nor would asking for what main has be mistaken for the other pull request's merge, which does not touch it.
        assert promoted(sandbox, prove(sandbox, shop, last, head, paths="shop"))


class TestNeverTheTip:
    """A later pull request contains what this one changed, and takes it back; a fast-forward brings both to main."""

    @pytest.mark.parametrize("paths", ["", "shop"])
    def test_a_commit_within_a_fast_forward_is_not_promoted(self, sandbox: Sandbox, shop: Shop, paths: str) -> None:
        inner = shop.branch("change", "bad")
        shop.git("checkout", "--quiet", "-b", "later", "change")
        reviewed = shop.change(shop="good")
        shop.git("checkout", "--quiet", "main")
        shop.merge("fast-forward", "later")
        # The forge says that the first pull request was merged: by its own head.
        assert not promoted(sandbox, prove(sandbox, shop, inner, inner, paths=paths))
        assert promoted(sandbox, prove(sandbox, shop, reviewed, reviewed, paths=paths))

    @pytest.mark.parametrize("paths", ["", "shop"])
    def test_nor_a_merge_commit_within_one(self, sandbox: Sandbox, shop: Shop, paths: str) -> None:
        """It looks like a forge's own: its first parent was main's tip, its second one is the head that staging ran."""
        inner = shop.branch("change", "bad")
        shop.git("checkout", "--quiet", "-b", "later", "main")
        shop.git("merge", "--quiet", "--no-ff", "--message", "Merge pull request #7", "change")
        merge = shop.git("rev-parse", "HEAD")
        reviewed = shop.change(shop="good")
        shop.git("checkout", "--quiet", "main")
        shop.merge("fast-forward", "later")
        assert shop.git("rev-list", "--first-parent", "main").split()[1] == merge, "the branch's history does not tell"
        assert not promoted(sandbox, prove(sandbox, shop, merge, inner, paths=paths))
        assert promoted(sandbox, prove(sandbox, shop, reviewed, reviewed, paths=paths))

    def test_nor_a_commit_that_a_merge_brought_along(self, sandbox: Sandbox, shop: Shop) -> None:
        inner = shop.branch("change", "bad")
        shop.git("checkout", "--quiet", "-b", "later", "change")
        shop.change(shop="good")
        shop.git("checkout", "--quiet", "main")
        shop.merge("merge", "later")
        assert not promoted(sandbox, prove(sandbox, shop, inner, inner))

    def test_nor_an_older_tip_with_the_tree_that_was_tested(self, sandbox: Sandbox, shop: Shop) -> None:
        """Gitea lets whoever may merge name any commit of the branch as the one that a merge by hand made."""
        older = shop.change(shop="older")
        shop.change(shop="newer")
        head = shop.branch("change", "older")
        assert tree(shop.folder, head) == tree(shop.folder, older)
        assert not promoted(sandbox, prove(sandbox, shop, older, head))

    def test_what_main_has_again_is_promoted(self, sandbox: Sandbox, shop: Shop) -> None:
        """The control of all of these: it is not the commit that counts."""
        head = shop.branch("change", "one")
        merge = shop.merge("fast-forward", "change")
        shop.change(shop="two")
        shop.git("revert", "--no-edit", "HEAD")
        assert promoted(sandbox, prove(sandbox, shop, merge, head))
