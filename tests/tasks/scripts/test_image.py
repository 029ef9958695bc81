"""image.sh: build from the checked-out tree, nothing from outside it, and hand the digest on."""

import itertools
from pathlib import Path

import pytest

from tests.tasks.scripts.conftest import HOSTILE, Result, Sandbox

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64

# buildah writes the digest of what it pushed where it is told to.
BUILDAH = f"""
while [ $# -gt 0 ]; do
    [ "$1" = --digestfile ] && printf '%s\\n' {DIGEST} >"$2"
    shift
done
"""


def build(sandbox: Sandbox, **changed: str | Path) -> Result:
    sandbox.stub("buildah", changed.pop("buildah", BUILDAH))
    source = sandbox.root / "source"
    if not source.exists():
        source.mkdir()
        (source / "Dockerfile").write_text("FROM scratch\n")
    (sandbox.root / "storage").mkdir()
    env: dict[str, str | Path] = {
        "PARAM_DOCKERFILE": "Dockerfile",
        "PARAM_CONTEXT": ".",
        "PARAM_BUILD_ARGS": "",
        "PARAM_IMAGE": "quarantine.internal:5001/shop",
        "PARAM_HEAD_SHA": SHA,
        "INSECURE": "false",
        "SOURCE": source,
        "STORAGE": sandbox.root / "storage",
        "DOCKER_CONFIG": "/credentials/registry",
        "BUILD_SECRETS": "",
        "RESULT_DIGEST_PATH": sandbox.root / "digest",
    }
    return sandbox.run("image", **env | changed)


def option(arguments: list[str], name: str) -> list[str]:
    """The values of an option, however often it is given."""
    return [value for flag, value in itertools.pairwise(arguments) if flag == name]


def test_it_builds_pushes_and_hands_on_the_digest(sandbox: Sandbox) -> None:
    result = build(sandbox)
    assert result.code == 0, result.err
    bud, push = sandbox.called("buildah")
    assert "bud" in bud
    assert option(bud, "--file") == [str(sandbox.root / "source/Dockerfile")]
    assert bud[-1] == str(sandbox.root / "source")
    assert push[-1] == f"docker://quarantine.internal:5001/shop:{SHA}"
    assert (sandbox.root / "digest").read_bytes() == DIGEST.encode()


def test_the_credential_is_named_by_its_file(sandbox: Sandbox) -> None:
    build(sandbox)
    assert len(sandbox.called("buildah")) == 2
    for call in sandbox.called("buildah"):
        assert option(call, "--authfile") == ["/credentials/registry/config.json"]


@pytest.mark.parametrize(("insecure", "verify"), [("true", "false"), ("false", "true")])
def test_tls_is_checked_unless_the_registry_is_insecure(sandbox: Sandbox, insecure: str, verify: str) -> None:
    build(sandbox, INSECURE=insecure)
    assert len(sandbox.called("buildah")) == 2
    for call in sandbox.called("buildah"):
        assert f"--tls-verify={verify}" in call


def test_without_build_secrets_none_is_named(sandbox: Sandbox) -> None:
    build(sandbox)
    assert not any("--secret" in call for call in sandbox.called("buildah"))


def test_build_secrets_are_named_by_their_files_and_only_to_the_build(sandbox: Sandbox) -> None:
    # As a kubelet writes them: links to links, beside folders that begin with a dot.
    folder = sandbox.file("secrets/..2026/npm-token", "hush").parent.parent
    (folder / "..data").symlink_to("..2026")
    for name in ("npm-token", "pip.conf"):
        (folder / name).symlink_to(f"..data/{name}")
    result = build(sandbox, BUILD_SECRETS=folder)
    assert result.code == 0, result.err
    bud, push = sandbox.called("buildah")
    assert option(bud, "--secret") == [f"id={name},src={folder}/{name}" for name in ("npm-token", "pip.conf")]
    assert "--secret" not in push
    assert "hush" not in str(sandbox.calls) + result.out + result.err


def test_the_commit_is_labelled_and_handed_to_the_build(sandbox: Sandbox) -> None:
    build(sandbox)
    bud = sandbox.called("buildah")[0]
    assert f"org.opencontainers.image.revision={SHA}" in option(bud, "--label")
    assert option(bud, "--build-arg") == [f"REVISION={SHA}"]


def test_each_line_is_one_build_argument(sandbox: Sandbox) -> None:
    lines = [f"ARGUMENT_{number}={value}" for number, value in enumerate(HOSTILE)]
    result = build(sandbox, PARAM_BUILD_ARGS="\n".join(lines))
    assert result.code == 0, result.err
    assert option(sandbox.called("buildah")[0], "--build-arg") == [f"REVISION={SHA}", *lines]


@pytest.mark.parametrize(
    ("key", "value"),
    [("PARAM_DOCKERFILE", "deploy/Dockerfile"), ("PARAM_CONTEXT", "no such place"), ("PARAM_CONTEXT", "--help")],
)
def test_a_path_that_is_not_there_names_its_setting(sandbox: Sandbox, key: str, value: str) -> None:
    result = build(sandbox, **{key: value})
    assert result.code != 0
    setting = "dockerfile" if key == "PARAM_DOCKERFILE" else "context"
    assert f"error: the repository has no '{value}' (setting '{setting}' of the application)" in result.err
    assert sandbox.calls == []


@pytest.mark.parametrize("link", ["../outside", "/etc/passwd", "folder/../../outside"])
def test_a_link_out_of_the_repository_is_refused(sandbox: Sandbox, link: str) -> None:
    sandbox.file("outside", "FROM scratch\n")
    sandbox.file("source/folder/file")
    (sandbox.root / "source/Dockerfile").symlink_to(link)
    result = build(sandbox)
    assert result.code != 0
    assert "error: 'Dockerfile' leads out of the repository (setting 'dockerfile' of the application)" in result.err
    assert sandbox.calls == []


def test_a_context_that_leads_out_is_refused(sandbox: Sandbox) -> None:
    sandbox.file("source/Dockerfile", "FROM scratch\n")
    sandbox.file("source-of-another/file")
    (sandbox.root / "source/other").symlink_to("../source-of-another")
    result = build(sandbox, PARAM_CONTEXT="other")
    assert result.code != 0
    assert "error: 'other' leads out of the repository (setting 'context'" in result.err


def test_a_link_inside_the_repository_is_followed(sandbox: Sandbox) -> None:
    sandbox.file("source/build/Dockerfile.real", "FROM scratch\n")
    (sandbox.root / "source/Dockerfile").symlink_to("build/Dockerfile.real")
    assert build(sandbox).code == 0
    assert option(sandbox.called("buildah")[0], "--file") == [str(sandbox.root / "source/build/Dockerfile.real")]


def test_a_failed_build_is_not_pushed(sandbox: Sandbox) -> None:
    result = build(sandbox, buildah="case $* in *' bud '*) exit 3 ;; esac")
    assert result.code != 0
    assert len(sandbox.calls) == 1
    assert not (sandbox.root / "digest").exists()


def test_a_failed_push_hands_on_nothing(sandbox: Sandbox) -> None:
    result = build(sandbox, buildah="case $* in *' push '*) exit 3 ;; esac")
    assert result.code != 0
    assert not (sandbox.root / "digest").exists()
