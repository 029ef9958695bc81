"""Proof: the next environment believes nothing but what the one before vouches for; git and cosign as in test_sign.py."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from steps.history import Content
from tests.steps.commit import DIGEST, IMAGE, PATHS, SHA, at, tree
from tests.steps.conftest import Result, Sandbox, git
from tests.steps.fetching import fetched
from tests.steps.proving import MARK_TYPE, prove, signed, verified


def mark(history: Path, **changed: object) -> dict[str, object]:
    """What staging said about the second commit of the base branch."""
    return {
        "repository": "acme/shop",
        "application": "shop",
        "headSha": SHA,
        "tree": tree(history, "base"),
        "digest": DIGEST,
        "environment": "staging",
    } | changed


class TestProve:
    """production's first step. `marks` are the statements whose signature cosign found good."""

    def prove(
        self,
        sandbox: Sandbox,
        history: Path,
        *marks: dict[str, object],
        crane: str = f"echo {DIGEST}",
        cosign: str = "",
        seen: dict[str, object] | None = None,
        **changed: str,
    ) -> Result:
        signed(sandbox, *marks)
        sandbox.stub("crane", crane)
        if cosign:
            sandbox.stub("cosign", cosign)
        said: dict[str, Any] = {"paths": None, "current": True, "touched": True, "tested": False}
        content = Content(tree=tree(history, "commit"), **said | (seen or {}))
        changed = {
            "PARAM_HEAD_SHA": SHA,
            "PARAM_MERGE_SHA": git(history, "rev-parse", "commit"),
            "PARAM_PATHS": "\n".join(PATHS) if seen else "",
        } | changed
        return prove(sandbox, fetched(history), content, **changed)

    def refused(self, sandbox: Sandbox, result: Result) -> str:
        """Why a merge was refused. Nothing was handed on to the step that deploys."""
        assert result.code != 0
        assert not (sandbox.root / "result").exists()
        reason = (sandbox.root / "reason").read_text()
        assert reason
        assert "\n" not in reason
        assert f"refused: {reason}" in result.err
        return reason

    def test_the_tested_tree_is_promoted_by_digest(self, sandbox: Sandbox, repository: Path) -> None:
        result = self.prove(sandbox, at(repository, "base"), mark(repository))
        assert result.code == 0, result.err
        assert (sandbox.root / "result").read_bytes() == f"{IMAGE}@{DIGEST}".encode()
        looked = [["digest", f"{IMAGE}:{tag}"] for tag in (f"{SHA}-staging", SHA)]
        assert sorted(sandbox.called("crane")) == sorted(looked), "the head's mark is enough"

    def test_the_signature_is_verified_with_the_key_of_the_settings(self, sandbox: Sandbox, repository: Path) -> None:
        self.prove(sandbox, at(repository, "base"), mark(repository))
        (call,) = sandbox.called("cosign")
        assert call[0] == "verify-attestation"
        assert call[call.index("--key") + 1] == "env://PUBLIC_KEY"
        assert call[call.index("--type") + 1] == MARK_TYPE
        assert call[1] == f"{IMAGE}@{DIGEST}"

    def test_a_merge_that_is_not_on_the_base_branch_is_refused(self, sandbox: Sandbox, repository: Path) -> None:
        result = self.prove(sandbox, at(repository, "side"), mark(repository, tree=tree(repository, "side")))
        assert "is not on the branch main" in self.refused(sandbox, result)
        assert sandbox.called("cosign") == []

    def test_a_tree_that_nobody_tested_is_refused(self, sandbox: Sandbox, repository: Path) -> None:
        result = self.prove(sandbox, at(repository, "base"), mark(repository, tree=tree(repository, "base~1")))
        assert "main has moved since staging ran this" in self.refused(sandbox, result)

    @pytest.mark.parametrize(
        "lie",
        [
            {"repository": "acme/other"},
            {"repository": "acme/\u017fhop"},
            {"headSha": "f" * 40},
            {"digest": "sha256:" + "c" * 64},
            {"environment": "preview"},
            {"application": "other"},
        ],
    )
    def test_a_mark_about_something_else_is_no_mark(self, sandbox: Sandbox, repository: Path, lie: dict[str, str]) -> None:
        result = self.prove(sandbox, at(repository, "base"), mark(repository, **lie))
        assert "staging has not vouched for it" in self.refused(sandbox, result)

    def test_a_repository_is_the_same_however_the_two_stacks_write_it(self, sandbox: Sandbox, repository: Path) -> None:
        result = self.prove(sandbox, at(repository, "base"), mark(repository), PARAM_REPOSITORY="Acme/SHOP")
        assert result.code == 0, result.err

    def test_without_a_good_signature_there_is_no_mark(self, sandbox: Sandbox, repository: Path) -> None:
        result = self.prove(sandbox, at(repository, "base"))
        assert "staging has not vouched for it" in self.refused(sandbox, result)
        assert "no matching attestations" in result.err

    def test_an_image_that_staging_never_built_is_refused(self, sandbox: Sandbox, repository: Path) -> None:
        result = self.prove(sandbox, at(repository, "base"), crane="echo MANIFEST_UNKNOWN >&2; exit 1")
        assert "has not vouched for it" in self.refused(sandbox, result)
        assert "MANIFEST_UNKNOWN" in result.err

    def listing(self, *tags: str) -> str:
        """A registry that has these tags, and none of the one that is looked for."""
        return f"case $1 in ls) printf '%s\\n' {' '.join(tags)} ;; *) echo MANIFEST_UNKNOWN >&2; exit 1 ;; esac"

    def test_a_wait_for_an_environment_that_never_builds_names_the_one_that_did(
        self, sandbox: Sandbox, repository: Path
    ) -> None:
        """A chain of three, or an environment that is called otherwise in its own stack: no mark would ever come."""
        other = "e" * 40
        crane = self.listing(f"{SHA}-preview", f"{other}-qa", SHA, f"{SHA}-production", f"{SHA}-Bad;id", "x", f"{SHA}-")
        result = self.prove(sandbox, at(repository, "base"), crane=crane)
        assert self.refused(sandbox, result) == (
            "preview has built it, not staging: name preview in promotesFrom, then: "
            "python -m operate retry production shop 7"
        )
        assert ["ls", IMAGE] in sandbox.called("crane")

    @pytest.mark.parametrize("crane", ["exit 1", f"case $1 in ls) echo {SHA}-staging; echo {SHA}-qa ;; *) exit 1 ;; esac"])
    def test_another_environments_image_is_no_reason_where_the_right_one_has_built_too(
        self, sandbox: Sandbox, repository: Path, crane: str
    ) -> None:
        """Nor is a registry that lists nothing."""
        result = self.prove(sandbox, at(repository, "base"), crane=crane)
        assert "staging has not vouched for it within 0 s" in self.refused(sandbox, result)

    def test_any_image_that_a_tag_of_the_commit_leads_to_is_enough(self, sandbox: Sandbox, repository: Path) -> None:
        """Another environment's copy took the tag for people, or the one of the last release is the only one."""
        other = "sha256:" + "d" * 64
        history = at(repository, "base")
        for first, second in ((DIGEST, other), (other, DIGEST)):
            crane = f'case "$2" in *-staging) echo {first} ;; *) echo {second} ;; esac'
            result = self.prove(sandbox, history, mark(repository), crane=crane)
            assert result.code == 0, result.err
            assert (sandbox.root / "result").read_text() == f"{IMAGE}@{DIGEST}"
        crane = f'case "$2" in *-staging) exit 1 ;; esac; echo {DIGEST}'
        result = self.prove(sandbox, history, mark(repository), crane=crane)
        assert result.code == 0, result.err

    def test_an_image_that_two_tags_lead_to_is_asked_about_once(self, sandbox: Sandbox, repository: Path) -> None:
        self.prove(sandbox, at(repository, "base"), mark(repository))
        assert len(sandbox.called("cosign")) == 1

    def test_a_copy_is_proven_by_its_digest_wherever_tags_lead(self, sandbox: Sandbox, repository: Path) -> None:
        history = at(repository, "base")
        result = self.prove(sandbox, history, mark(repository), crane="exit 1", COPIED=DIGEST)
        assert result.code == 0, result.err
        assert (sandbox.root / "result").read_text() == f"{IMAGE}@{DIGEST}"
        assert sandbox.called("crane") == []
        (call,) = sandbox.called("cosign")
        assert call[1] == f"{IMAGE}@{DIGEST}"

    def test_a_former_key_is_believed_as_long_as_the_settings_name_it(self, sandbox: Sandbox, repository: Path) -> None:
        """The new key is asked for first; here the mark is of the key before the last one."""
        first, second = (f"-----BEGIN PUBLIC KEY-----\n{name}\n-----END PUBLIC KEY-----" for name in ("first", "second"))
        found = f"grep -qx first \"$key\" && echo '{verified(mark(repository))}'"
        cosign = f'while [ "$1" != --key ]; do shift; done\nkey=$2\n[ "$key" != env://PUBLIC_KEY ] && {found}'
        history = at(repository, "base")
        for named, code in ((f"{second}\n{first}", 0), (first, 0), (second, 1), ("", 1)):
            for former in sandbox.root.glob("former-*"):
                former.unlink()
            (sandbox.root / "result").unlink(missing_ok=True)
            assert self.prove(sandbox, history, cosign=cosign, FORMER_KEYS=named).code == code, named
        keys = [call[call.index("--key") + 1] for call in sandbox.called("cosign")[:3]]
        assert keys == ["env://PUBLIC_KEY", *(f"{sandbox.root}/former-{number}.pub" for number in (1, 2))]

    @pytest.mark.parametrize(
        ("at_", "oldest", "code"),
        [
            ("2020-01-01T00:00:00Z", "", 0),
            ("2020-01-01T00:00:00Z", "3600", 1),
            (None, "", 0),
            (None, "3600", 1),
            ("some day", "3600", 1),
            (12, "3600", 1),
            ("now", "3600", 0),
        ],
    )
    def test_a_mark_may_be_as_old_as_the_settings_allow(
        self, sandbox: Sandbox, repository: Path, at_: object, oldest: str, code: int
    ) -> None:
        """By default of any age; those of the last release have none, which is no longer enough where one is asked for."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = mark(repository, **({} if at_ is None else {"at": now if at_ == "now" else at_}))
        result = self.prove(sandbox, at(repository, "base"), said, MARK_MAX_AGE=oldest)
        assert result.code == code, result.err
        if code:
            reason = self.refused(sandbox, result)
            assert reason.startswith("staging vouched for it longer ago than mark.maxAge allows; to ship it anew: python -m")
            assert len(reason) <= 139

    @pytest.mark.parametrize("stale_base", ["refuse", "rebuild"])
    def test_a_mark_of_the_merge_commit_itself_counts(self, sandbox: Sandbox, repository: Path, stale_base: str) -> None:
        """Staging rebuilt it, by itself or because somebody asked it to."""
        merge = git(at(repository, "base"), "rev-parse", "commit")
        stale = mark(repository, tree=tree(repository, "base~1"))
        result = self.prove(sandbox, repository, stale, mark(repository, headSha=merge), STALE_BASE=stale_base)
        assert result.code == 0, result.err
        assert json.loads((sandbox.root / "mark").read_text())["headSha"] == merge

    def test_where_merges_are_rebuilt_a_stale_mark_is_waited_past(self, sandbox: Sandbox, repository: Path) -> None:
        stale = mark(repository, tree=tree(repository, "base~1"))
        result = self.prove(sandbox, at(repository, "base"), stale, STALE_BASE="rebuild", MARK_TIMEOUT="4")
        assert "waiting for the mark of staging" in result.out
        assert "has not vouched for it within 4 s" in self.refused(sandbox, result)

    def test_a_refusal_names_the_way_out_and_fits_a_status(self, sandbox: Sandbox, repository: Path) -> None:
        for tested in ("base~1", "base"):
            lie = {"tree": tree(repository, tested)} if tested == "base~1" else {"environment": "other"}
            result = self.prove(sandbox, at(repository, "base"), mark(repository, **lie), MARK_TIMEOUT="0")
            reason = self.refused(sandbox, result)
            assert reason.endswith("python -m operate rebuild production shop 7")
            assert len(reason) <= 139

    def test_of_several_marks_one_about_this_tree_is_enough(self, sandbox: Sandbox, repository: Path) -> None:
        older = mark(repository, tree=tree(repository, "base~1"))
        assert self.prove(sandbox, at(repository, "base"), older, mark(repository)).code == 0
        assert json.loads((sandbox.root / "mark").read_text()) == mark(repository), "handed on, to be recorded"

    def test_what_cosign_prints_beside_is_refused_in_words(self, sandbox: Sandbox, repository: Path) -> None:
        result = self.prove(sandbox, at(repository, "base"), cosign="echo this is no JSON")
        assert "staging has not vouched for it" in self.refused(sandbox, result)

    def test_a_mark_from_before_marks_named_applications_still_counts(self, sandbox: Sandbox, repository: Path) -> None:
        former = mark(repository)
        del former["application"]
        assert self.prove(sandbox, at(repository, "base"), former).code == 0

    def test_of_an_application_with_paths_only_those_have_to_be_what_was_tested(
        self, sandbox: Sandbox, repository: Path
    ) -> None:
        tested = mark(repository, tree=tree(repository, "base~1"), paths=PATHS)
        result = self.prove(sandbox, at(repository, "base"), tested, seen={"paths": PATHS})
        assert result.code == 0, result.err

    @pytest.mark.parametrize("paths", [{"services/shop": "040000 abc", "lib": "040000 other"}, {"lib": "040000 def"}, None])
    def test_other_content_at_its_paths_is_refused(
        self, sandbox: Sandbox, repository: Path, paths: dict[str, str] | None
    ) -> None:
        tested = mark(repository, **({"paths": paths} if paths else {}))
        result = self.prove(sandbox, at(repository, "base"), tested, seen={"paths": PATHS})
        assert "main has moved since staging ran this" in self.refused(sandbox, result)

    def test_a_merge_that_does_not_touch_it_succeeds_and_hands_nothing_on(self, sandbox: Sandbox, repository: Path) -> None:
        result = self.prove(sandbox, at(repository, "base"), seen={"paths": PATHS, "touched": False})
        assert result.code == 0, result.err
        assert (sandbox.root / "result").read_text() == ""
        assert (sandbox.root / "touched").read_text() == "no"
        reason = (sandbox.root / "reason").read_text()
        assert reason.strip() == "nothing to roll out: the merge does not touch services/shop lib"
        assert sandbox.called("cosign") == []
