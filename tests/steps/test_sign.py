"""The step sign: what one environment vouches for.

git is the real one. cosign is a stand-in that keeps what was attested; that signatures are what they claim to be is
cosign's own matter and is seen on the cluster.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.steps.commit import DIGEST, IMAGE, MARK_TYPE, SHA, at, content, tree
from tests.steps.conftest import Result, Sandbox


class TestSign:
    """staging's last step."""

    def sign(
        self,
        sandbox: Sandbox,
        history: Path,
        cosign: str = "",
        seen: dict[str, object] | None = None,
        crane: str = "",
        **changed: str,
    ) -> Result:
        sandbox.file("image", f"{IMAGE}@{DIGEST}")
        sandbox.file("key/password", "the password\n")
        sandbox.stub("cosign", f"printf '%s' \"$COSIGN_PASSWORD\" >'{sandbox.root}/opened-with'\n{cosign}")
        sandbox.stub("crane", crane)
        env: dict[str, str | Path] = {
            "PARAM_HEAD_SHA": SHA,
            "PARAM_REPOSITORY": "acme/shop",
            "PARAM_APPLICATION": "shop",
            "PARAM_PULL_REQUEST": "7",
            "ENVIRONMENT": "staging",
            "RUN": "run-1",
            "INSECURE": "false",
            "DOCKER_CONFIG": "/credentials/registry",
            "CONTENT": content(sandbox, history, **seen or {}),
            "MARK_KEY": sandbox.root / "key",
            "MARK_TYPE": MARK_TYPE,
            "SCRATCH": sandbox.root,
            "RESULT_IMAGE_PATH": sandbox.root / "image",
            "RESULT_PROMOTABLE_PATH": sandbox.root / "promotable",
        }
        return sandbox.step("sign", **env | changed)

    def test_the_statement_names_what_was_run_and_the_tree_it_came_from(self, sandbox: Sandbox, repository: Path) -> None:
        result = self.sign(sandbox, at(repository, "base"))
        assert result.code == 0, result.err
        said = json.loads((sandbox.root / "mark.json").read_text())
        signed = datetime.fromisoformat(said.pop("at"))
        assert timedelta() <= datetime.now(UTC) - signed < timedelta(minutes=1)
        assert said == {
            "repository": "acme/shop",
            "application": "shop",
            "headSha": SHA,
            "tree": tree(repository, "base"),
            "digest": DIGEST,
            "environment": "staging",
            "pullRequest": "7",
            "run": "run-1",
        }

    def test_the_digest_is_signed_with_the_environments_key(self, sandbox: Sandbox, repository: Path) -> None:
        self.sign(sandbox, at(repository, "base"))
        (call,) = sandbox.called("cosign")
        assert call[0] == "attest"
        assert call[-1] == f"{IMAGE}@{DIGEST}"
        assert call[call.index("--key") + 1] == f"{sandbox.root}/key/cosign.key"
        assert call[call.index("--type") + 1] == MARK_TYPE
        assert call[call.index("--predicate") + 1] == f"{sandbox.root}/mark.json"
        assert "--allow-http-registry" not in call

    def test_the_keys_password_is_on_no_command_line(self, sandbox: Sandbox, repository: Path) -> None:
        result = self.sign(sandbox, at(repository, "base"))
        assert (sandbox.root / "opened-with").read_text() == "the password"
        assert "the password" not in json.dumps(sandbox.calls) + result.out + result.err

    def test_of_an_application_with_paths_it_says_what_lies_there(self, sandbox: Sandbox, repository: Path) -> None:
        paths = {"services/shop": "040000 abc"}
        self.sign(sandbox, at(repository, "base"), seen={"paths": paths})
        assert json.loads((sandbox.root / "mark.json").read_text())["paths"] == paths

    @pytest.mark.parametrize(("current", "expected"), [(True, b"yes"), (False, b"no")])
    def test_it_is_promotable_unless_the_base_branch_has_moved(
        self, sandbox: Sandbox, repository: Path, current: bool, expected: bytes
    ) -> None:
        self.sign(sandbox, at(repository, "base"), seen={"current": current})
        assert (sandbox.root / "promotable").read_bytes() == expected

    def test_tags_lead_to_it_once_it_is_signed(self, sandbox: Sandbox, repository: Path) -> None:
        """One for the proof, which another environment's of the same commit does not move, and one for people."""
        assert self.sign(sandbox, at(repository, "base")).code == 0
        assert [call[0] for call in sandbox.calls] == ["cosign", "crane", "crane"]
        assert sandbox.called("crane") == [["tag", f"{IMAGE}@{DIGEST}", tag] for tag in (f"{SHA}-staging", SHA)]

    def test_a_failed_signature_fails_the_step_and_leaves_the_tags_where_they_are(
        self, sandbox: Sandbox, repository: Path
    ) -> None:
        """What they lead to is the image of a run before, which has its mark."""
        assert self.sign(sandbox, at(repository, "base"), cosign="exit 1").code != 0
        assert not (sandbox.root / "promotable").exists()
        assert sandbox.called("crane") == []

    def test_what_nobody_would_find_is_not_called_promotable(self, sandbox: Sandbox, repository: Path) -> None:
        assert self.sign(sandbox, at(repository, "base"), crane="exit 1").code != 0
        assert not (sandbox.root / "promotable").exists()
