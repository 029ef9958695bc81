"""clean.sh: what a rejected pull request left goes, and nothing that anybody else needs."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.scripts.conftest import HOSTILE, Result, Sandbox, in_the_tools_images_shell, needs_jq

pytestmark = [needs_jq, in_the_tools_images_shell]

IMAGE, QUARANTINE = "registry.internal:5000/shop", "quarantine.internal:5001/shop"
A, B, C = ("sha256:" + letter * 64 for letter in "abc")
ONE, TWO = "1" * 40, "2" * 40

# A registry in a folder: `tags` has lines of tag and digest, the rest is named after digests.
CRANE = r"""
cd '{root}/registry'
here() { [ -e "$1" ] && cat "$1" || { echo "MANIFEST_UNKNOWN: $1" >&2; exit 1; }; }
case $1 in
ls) [ ! -e broken ] || { echo "UNAUTHORIZED: who is it?" >&2; exit 1; }
    cut -d ' ' -f 1 tags ;;
digest) grep -q "^${2##*:} " tags || { echo "MANIFEST_UNKNOWN: $2" >&2; exit 1; }
    sed -n "s/^${2##*:} //p" tags ;;
manifest | blob) here "$1-${2##*:}" ;;
delete) [ ! -e "refused-${2##*:}" ] || { echo "UNSUPPORTED: no deletes" >&2; exit 1; } ;;
esac
"""
ORAS = r"""
for image; do :; done
cat '{root}/registry/'referrers-"${image##*:}" 2>/dev/null || echo '{"referrers": []}'
"""


class Registry:
    """What is in it, as scripts see it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.folder: Path = sandbox.root / "registry"
        self.folder.mkdir()
        (self.folder / "tags").touch()
        for name, body in (("crane", CRANE), ("oras", ORAS)):
            sandbox.stub(name, body.replace("{root}", str(sandbox.root)))

    def tag(self, tag: str, digest: str) -> None:
        with (self.folder / "tags").open("a") as tags:
            tags.write(f"{tag} {digest}\n")

    def copy(self, commit: str, pull_request: str, digest: str) -> None:
        """As the step that copies tags an image."""
        self.tag(f"{commit}-{pull_request}-{digest[7:19]}", digest)

    def sign(self, digest: str, *pull_requests: str | None, bundle: bool = True) -> list[str]:
        """Marks about an image; the digests of what refers to it."""
        made = []
        for number, pull_request in enumerate(pull_requests):
            mark = f"sha256:{number:060d}{digest[7:11]}"
            predicate = {"pullRequest": pull_request} if pull_request else {}
            envelope = {"payload": base64.b64encode(json.dumps({"predicate": predicate}).encode()).decode()}
            self.file("blob", mark, {"dsseEnvelope": envelope} if bundle else envelope)
            self.file("manifest", mark, {"layers": [{"digest": mark}]})
            made.append(mark)
        self.file("referrers", digest, {"referrers": [{"digest": mark} for mark in made]})
        return made

    def file(self, kind: str, digest: str, content: Any) -> None:
        (self.folder / f"{kind}-{digest[7:]}").write_text(json.dumps(content))

    @property
    def deleted(self) -> list[str]:
        return [call[1] for call in self.sandbox.called("crane") if call[0] == "delete"]


@pytest.fixture
def registry(sandbox: Sandbox) -> Registry:
    return Registry(sandbox)


def clean(sandbox: Sandbox, *kept: str, told: str | None = None, **changed: str) -> Result:
    """Clean up after the pull request 7, where the environment needs what is `kept`."""
    env = {
        "PARAM_PULL_REQUEST": "7",
        "PARAM_IMAGE": IMAGE,
        "PARAM_QUARANTINE_IMAGE": "",
        "INSECURE": "false",
        "QUARANTINE_INSECURE": "false",
        "DOCKER_CONFIG": "/credentials/registry",
        "KEPT": str(sandbox.file("kept", json.dumps(list(kept)) if told is None else told)),
        "REJECTED": str(sandbox.file("rejected", "yes")),
        "SCRATCH": str(sandbox.root),
    }
    result = sandbox.run("clean", **env | changed)
    assert result.code == 0, f"the way back is done: {result.err}"
    return result


def test_what_it_left_goes_with_its_marks(sandbox: Sandbox, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    registry.copy(TWO, "7", B)
    registry.copy("3" * 40, "8", C)
    registry.tag("latest", C)
    (mark,) = registry.sign(A, "7")
    registry.tag(f"sha256-{A[7:]}", "sha256:" + "e" * 64)
    clean(sandbox)
    assert registry.deleted[:3] == [f"{IMAGE}@{A}", f"{IMAGE}@{mark}", f"{IMAGE}@sha256:{'e' * 64}"]
    assert registry.deleted[3:] == [f"{IMAGE}@{B}"]


def ask(sandbox: Sandbox, answer: str, **changed: str) -> tuple[Result, str]:
    """Ask the forge what became of the pull request 7: the result, and what the step that deletes is told."""
    sandbox.stub("curl", answer)
    env = {
        "PARAM_REPOSITORY": "acme/shop",
        "PARAM_PULL_REQUEST": "7",
        "API_URL": "https://forge.example/api",
        "TOKEN_FILE": str(sandbox.file("token", "t0ken")),
        "REJECTED": str(sandbox.root / "told"),
    }
    result = sandbox.run("rejected", **env | changed)
    told = sandbox.root / "told"
    return result, told.read_text() if told.exists() else ""


def test_what_is_closed_unmerged_may_be_deleted(sandbox: Sandbox) -> None:
    result, told = ask(sandbox, """echo '{"state": "closed", "merged": false}'""")
    assert (result.code, told) == (0, "yes")
    assert sandbox.called("curl")[0][-1] == "https://forge.example/api/repos/acme/shop/pulls/7"


@pytest.mark.parametrize(
    "answer",
    [
        """echo '{"state": "open", "merged": false}'""",
        """echo '{"state": "closed", "merged": true}'""",
        """echo '{"state": "closed"}'""",
        """echo '{"state": "closed", "merged": null}'""",
        "echo gone",
        "exit 22",
        ":",
    ],
    ids=["opened anew", "merged", "silent", "null", "no JSON", "refused", "empty"],
)
def test_nothing_else_may(sandbox: Sandbox, answer: str) -> None:
    """An event may be an old one, or come from whoever signs one."""
    result, told = ask(sandbox, answer)
    assert (result.code, told) == (0, "")
    assert "nothing is deleted" in result.out


@pytest.mark.parametrize("told", ["", "no", "yes\nno", None])
def test_without_the_forges_word_nothing_is_deleted(sandbox: Sandbox, registry: Registry, told: str | None) -> None:
    registry.copy(ONE, "7", A)
    path = sandbox.root / "nowhere" if told is None else sandbox.file("word", told)
    result = clean(sandbox, REJECTED=str(path))
    assert registry.deleted == []
    assert result.out == "left as it is: the forge does not say that #7 is rejected\n"


def test_several_commits_of_one_image_are_one(sandbox: Sandbox, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    registry.copy(TWO, "7", A)
    registry.copy("3" * 40, "7", B)
    assert clean(sandbox).out.splitlines() == [f"deleted: {A}", f"deleted: {B}"]


@pytest.mark.parametrize("kept", [True, False])
def test_what_the_environment_needs_stays(sandbox: Sandbox, registry: Registry, kept: bool) -> None:
    registry.copy(ONE, "7", A)
    result = clean(sandbox, *([A] if kept else [C]))
    assert registry.deleted == ([] if kept else [f"{IMAGE}@{A}"])
    assert ("stays" in result.out) == kept


def test_the_same_image_of_another_pull_request_stays(sandbox: Sandbox, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    registry.copy(TWO, "77", A)
    registry.copy("3" * 40, "7", B)
    clean(sandbox)
    assert registry.deleted == [f"{IMAGE}@{B}"]


def test_another_image_of_a_commit_that_another_pull_request_has_stays(sandbox: Sandbox, registry: Registry) -> None:
    """The commit's tags, by which a merge is proven, lead to one of the two."""
    registry.copy(ONE, "7", A)
    registry.copy(ONE, "8", B)
    registry.tag(f"{ONE}-staging", A)
    registry.copy(TWO, "7", C)
    clean(sandbox)
    assert registry.deleted == [f"{IMAGE}@{C}"]


@pytest.mark.parametrize("bundle", [True, False])
@pytest.mark.parametrize(
    ("about", "gone"),
    [(("7",), True), (("7", "7"), True), (("7", "8"), False), (("8",), False), ((None,), False), ((), True)],
)
def test_an_image_of_which_something_else_is_signed_stays(
    sandbox: Sandbox, registry: Registry, about: tuple[str | None, ...], gone: bool, bundle: bool
) -> None:
    registry.copy(ONE, "7", A)
    registry.sign(A, *about, bundle=bundle)
    clean(sandbox)
    assert (f"{IMAGE}@{A}" in registry.deleted) == gone
    assert bool(registry.deleted) == gone


@pytest.mark.parametrize("missing", ["blob", "manifest"])
def test_what_cannot_be_told_stays(sandbox: Sandbox, registry: Registry, missing: str) -> None:
    registry.copy(ONE, "7", A)
    (mark,) = registry.sign(A, "7")
    (registry.folder / f"{missing}-{mark[7:]}").write_text("no JSON")
    clean(sandbox)
    assert registry.deleted == []


@pytest.mark.parametrize("told", ["", "null", "null and void", "{}"])
def test_without_word_of_the_environment_nothing_is_deleted(sandbox: Sandbox, registry: Registry, told: str) -> None:
    registry.copy(ONE, "7", A)
    assert clean(sandbox, told=told).out == "left as it is: it is not known what the environment needs\n"
    assert registry.deleted == []


def test_a_registry_that_deletes_nothing_is_told_and_fails_nothing(sandbox: Sandbox, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    (registry.folder / f"refused-{A[7:]}").touch()
    assert "left as it is" in clean(sandbox).out
    assert "UNSUPPORTED: no deletes" in clean(sandbox).out
    (registry.folder / "broken").touch()
    assert clean(sandbox).out == "left as it is: UNAUTHORIZED: who is it?\n"


def test_in_quarantine_it_goes_as_well_where_that_is_asked_for(sandbox: Sandbox, registry: Registry) -> None:
    registry.copy(ONE, "7", A)
    clean(sandbox, PARAM_QUARANTINE_IMAGE=QUARANTINE, QUARANTINE_INSECURE="true")
    assert registry.deleted == [f"{IMAGE}@{A}", f"{QUARANTINE}@{A}"]
    first, second = (call for call in sandbox.called("crane") if call[0] == "delete")
    assert ("--insecure" in first, "--insecure" in second) == (False, True)


@pytest.mark.parametrize("insecure", ["true", "false"])
def test_plain_http_is_asked_for_where_it_is_allowed(sandbox: Sandbox, registry: Registry, insecure: str) -> None:
    registry.copy(ONE, "7", A)
    clean(sandbox, INSECURE=insecure)
    allowed = insecure == "true"
    assert all(("--insecure" in call) == allowed for call in sandbox.called("crane"))
    assert [("--plain-http" in call) for call in sandbox.called("oras")] == [allowed]


@pytest.mark.parametrize("number", ["", ".*", "7|8", "-7", *HOSTILE])
def test_what_is_no_number_of_a_pull_request_deletes_nothing(sandbox: Sandbox, registry: Registry, number: str) -> None:
    registry.copy(ONE, "8", A)
    clean(sandbox, PARAM_PULL_REQUEST=number)
    assert sandbox.calls == []
