"""image.sh: build from the checked-out tree, nothing from outside it, and hand the digest on."""

import itertools
import tomllib
from pathlib import Path

import pytest

from tests.tasks.scripts.conftest import HOSTILE, Result, Sandbox

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64

# buildctl writes what it pushed where it is told to.
BUILDCTL = f"""
for last; do
    [ "${{before-}}" = --metadata-file ] && printf '{{\n  "containerimage.digest": "{DIGEST}",\n  "x": 1\n}}\n' >"$last"
    before=$last
done
"""


def build(sandbox: Sandbox, **changed: str | Path) -> Result:
    sandbox.stub("in-user-namespace", changed.pop("buildkitd", "exec sleep 5 >/dev/null 2>&1"))
    sandbox.stub("buildctl", changed.pop("buildctl", BUILDCTL))
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
        "PROCESS_SANDBOX": "true",
        "SOURCE": source,
        "STORAGE": sandbox.root / "storage",
        "DOCKER_CONFIG": "/credentials/registry",
        "BUILD_SECRETS": "",
        "TEST_STAGE": "",
        "TESTS_FAILED": "10",
        "RESULT_DIGEST_PATH": sandbox.root / "digest",
    }
    return sandbox.run("image", **env | changed)


def option(arguments: list[str], name: str) -> list[str]:
    """The values of an option, however often it is given."""
    return [value for flag, value in itertools.pairwise(arguments) if flag == name]


def solved(sandbox: Sandbox) -> list[str]:
    """The arguments of the one build; a daemon that has started answers before."""
    asked, *builds = sandbox.called("buildctl")
    assert asked[2:] == ["debug", "workers"]
    (found,) = builds
    return found


def test_it_builds_pushes_and_hands_on_the_digest(sandbox: Sandbox) -> None:
    result = build(sandbox)
    assert result.code == 0, result.err
    call = solved(sandbox)
    source = sandbox.root / "source"
    assert option(call, "--local") == [f"dockerfile={source}", f"context={source}"]
    assert "filename=Dockerfile" in option(call, "--opt")
    assert option(call, "--output") == [f"type=image,push=true,name=quarantine.internal:5001/shop:{SHA}"]
    assert (sandbox.root / "digest").read_bytes() == DIGEST.encode()
    assert f"pushed quarantine.internal:5001/shop@{DIGEST}" in result.out


def test_a_dockerfile_names_no_reader_of_its_own(sandbox: Sandbox) -> None:
    """A `# syntax=` line would have an image of the pull request's choice read it."""
    build(sandbox)
    assert "cmdline=" in option(solved(sandbox), "--opt")


def configuration(sandbox: Sandbox) -> dict[str, object]:
    return tomllib.loads((sandbox.root / "storage/buildkitd.toml").read_text())


@pytest.mark.parametrize(("insecure", "plain"), [("true", True), ("false", False)])
def test_tls_is_checked_unless_the_registry_is_insecure(sandbox: Sandbox, insecure: str, plain: bool) -> None:
    build(sandbox, INSECURE=insecure)
    assert configuration(sandbox)["registry"] == {"quarantine.internal:5001": {"http": plain, "insecure": plain}}


@pytest.mark.parametrize(("sandboxed", "shared"), [("true", False), ("false", True), ("", True)])
def test_processes_are_shared_only_where_the_stack_says_so(sandbox: Sandbox, sandboxed: str, shared: bool) -> None:
    build(sandbox, PROCESS_SANDBOX=sandboxed)
    assert configuration(sandbox)["worker"] == {
        "containerd": {"enabled": False},
        "oci": {"enabled": True, "gc": False, "rootless": True, "binary": "buildkit-runc", "noProcessSandbox": shared},
    }


def test_a_build_finds_no_socket_of_the_builders_tracing(sandbox: Sandbox) -> None:
    """BuildKit would mount it into each RUN; it looks for it when one begins."""
    socket = sandbox.root / "storage/run/otel.sock"
    seen = f"[ -e '{socket}' ] && echo SEEN >>'{sandbox.root}/seen'\n"
    answers = f'case $* in *workers*) [ -e "{socket}" ]; exit ;; esac\n'
    result = build(sandbox, buildkitd=f"touch '{socket}'; exec sleep 5 >/dev/null 2>&1", buildctl=answers + seen + BUILDCTL)
    assert result.code == 0, result.err
    assert solved_last(sandbox)
    assert not (sandbox.root / "seen").exists()


def solved_last(sandbox: Sandbox) -> bool:
    """Whether it came to build something."""
    return "build" in sandbox.called("buildctl")[-1]


def test_a_builder_that_does_not_start_says_why(sandbox: Sandbox) -> None:
    result = build(sandbox, buildkitd="echo no such right; exit 1", buildctl="exit 1")
    assert result.code != 0
    assert "no such right" in result.err
    assert "error: BuildKit did not start (settings `build.processSandbox` and `build.seccompProfile`)" in result.err
    assert not (sandbox.root / "digest").exists()


def test_without_build_secrets_none_is_named(sandbox: Sandbox) -> None:
    build(sandbox)
    assert "--secret" not in solved(sandbox)


def test_build_secrets_are_named_by_their_files(sandbox: Sandbox) -> None:
    # As a kubelet writes them: links to links, beside folders that begin with a dot.
    folder = sandbox.file("secrets/..2026/npm-token", "hush").parent.parent
    (folder / "..data").symlink_to("..2026")
    for name in ("npm-token", "pip.conf"):
        (folder / name).symlink_to(f"..data/{name}")
    result = build(sandbox, BUILD_SECRETS=folder)
    assert result.code == 0, result.err
    assert option(solved(sandbox), "--secret") == [f"id={name},src={folder}/{name}" for name in ("npm-token", "pip.conf")]
    assert "hush" not in str(sandbox.calls) + result.out + result.err


def build_arguments(sandbox: Sandbox) -> list[str]:
    return [text.partition(":")[2] for text in option(solved(sandbox), "--opt") if text.startswith("build-arg:")]


def test_the_commit_is_labelled_and_handed_to_the_build(sandbox: Sandbox) -> None:
    build(sandbox)
    assert f"label:org.opencontainers.image.revision={SHA}" in option(solved(sandbox), "--opt")
    assert build_arguments(sandbox) == [f"REVISION={SHA}"]


def test_each_line_is_one_build_argument(sandbox: Sandbox) -> None:
    lines = [f"ARGUMENT_{number}={value}" for number, value in enumerate(HOSTILE)]
    result = build(sandbox, PARAM_BUILD_ARGS="\n".join(lines))
    assert result.code == 0, result.err
    assert build_arguments(sandbox) == [f"REVISION={SHA}", *lines]


def test_a_dockerfile_is_told_the_way_out_as_docker_tells_it(sandbox: Sandbox) -> None:
    build(sandbox, HTTPS_PROXY="http://proxy.example:3128", no_proxy="localhost,.svc")
    assert build_arguments(sandbox)[1:] == ["HTTPS_PROXY=http://proxy.example:3128", "no_proxy=localhost,.svc"]


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
    call = solved(sandbox)
    assert f"dockerfile={sandbox.root}/source/build" in option(call, "--local")
    assert "filename=Dockerfile.real" in option(call, "--opt")


@pytest.mark.parametrize("body", ["case $* in *' build '*) exit 3 ;; esac", "", 'echo "{}"'])
def test_without_a_digest_nothing_is_handed_on(sandbox: Sandbox, body: str) -> None:
    assert build(sandbox, buildctl=body).code != 0
    assert not (sandbox.root / "digest").exists()


def test_folders_and_arguments_are_taken_as_they_are_called(sandbox: Sandbox) -> None:
    folder = sandbox.root / "source" / "app" / "(group)" / "[x]" / "$a = b, c; 'd' \"e\""
    folder.mkdir(parents=True)
    (folder / "Docker file#1").write_text("FROM scratch\n")
    inside = str(folder.relative_to(sandbox.root / "source"))
    result = build(
        sandbox,
        PARAM_DOCKERFILE=f"{inside}/Docker file#1",
        PARAM_CONTEXT=inside,
        PARAM_BUILD_ARGS="A=$HOME $(id) `id` \\n 'x' \"y\" *, \nB= =",
    )
    assert result.code == 0, result.err
    call = solved(sandbox)
    assert option(call, "--local") == [f"dockerfile={folder}", f"context={folder}"]
    assert "filename=Docker file#1" in option(call, "--opt")
    assert "build-arg:A=$HOME $(id) `id` \\n 'x' \"y\" *, " in option(call, "--opt")
    assert "build-arg:B= =" in option(call, "--opt")


def stage(sandbox: Sandbox, buildctl: str = BUILDCTL) -> Result:
    return build(sandbox, TEST_STAGE="test", PARAM_BUILD_ARGS="A=b c", buildctl=buildctl)


def test_a_stage_is_built_before_the_image_by_the_same_daemon(sandbox: Sandbox) -> None:
    result = stage(sandbox)
    assert result.code == 0, result.err
    assert len(sandbox.called("in-user-namespace")) == 1
    _, tests, image = sandbox.called("buildctl")
    given = option(image, "--opt")
    assert [each for each in option(tests, "--opt") if each not in given] == ["target=test", "no-cache=test"]
    assert set(given) <= set(option(tests, "--opt"))
    assert option(tests, "--local") == option(image, "--local")
    assert option(tests, "--output") == []
    assert (sandbox.root / "digest").read_bytes() == DIGEST.encode()


# What buildctl prints of a build that failed.
FAILED = """case $* in *target=test*)
    echo "#9 0.1 1 of 3 failed"
    printf '%s\\n' '------' ' > {at}:' '0.1 1 of 3 failed' '------' >&2
    echo 'error: failed to solve: process "/bin/sh -c ./test.sh" did not complete successfully: exit code: 1' >&2
    exit 1 ;;
esac
"""


@pytest.mark.parametrize(
    ("at", "code", "told"),
    [
        ("[test 3/3] RUN ./test.sh", 10, "error: the tests failed"),
        ("[test  3/12] RUN --mount=type=secret,id=a ./test.sh", 10, "error: the tests failed"),
        ("[deps 3/3] RUN ./install.sh", 1, "error: the stage 'test' could not be built"),
        ("[test 3/3] COPY nothing .", 1, "error: the stage 'test' could not be built"),
        ("[internal] load metadata for node:22", 1, "error: the stage 'test' could not be built"),
    ],
)
def test_a_run_of_the_stage_that_fails_is_failed_tests(sandbox: Sandbox, at: str, code: int, told: str) -> None:
    result = stage(sandbox, FAILED.replace("{at}", at) + BUILDCTL)
    assert result.code == code
    assert told in result.err
    assert "1 of 3 failed" in result.out, "what the tests print is shown"
    assert len(sandbox.called("buildctl")) == 2, "no image is built"
    assert not (sandbox.root / "digest").exists()
