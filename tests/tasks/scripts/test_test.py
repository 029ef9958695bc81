"""test.sh: the application's own tests, on a copy that nobody builds from."""

import shutil
from pathlib import Path

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox, git


def run_tests(sandbox: Sandbox, command: str) -> Result:
    sandbox.file("source/test.sh", "exit 0\n")
    sandbox.file("source/folder with spaces/file", "content")
    if not (sandbox.root / "source/link").is_symlink():
        (sandbox.root / "source/link").symlink_to("/etc/passwd")
    (sandbox.root / "copy").mkdir()
    return sandbox.run("test", PARAM_TEST_COMMAND=command, SOURCE=sandbox.root / "source", WORK=sandbox.root / "copy")


def test_the_command_runs_in_a_copy_of_the_repository(sandbox: Sandbox) -> None:
    result = run_tests(sandbox, "pwd; cat 'folder with spaces/file'")
    assert result.code == 0, result.err
    assert result.out.splitlines()[-2:] == [str(sandbox.root / "copy"), "content"]


def test_tests_cannot_change_what_is_built(sandbox: Sandbox) -> None:
    run_tests(sandbox, "echo changed >test.sh; rm -r 'folder with spaces'")
    assert (sandbox.root / "source/test.sh").read_text() == "exit 0\n"
    assert (sandbox.root / "source/folder with spaces/file").exists()


def test_links_stay_links(sandbox: Sandbox) -> None:
    run_tests(sandbox, "true")
    assert (sandbox.root / "copy/link").readlink() == Path("/etc/passwd")


@pytest.mark.parametrize("code", [1, 3, 42])
def test_the_commands_exit_code_is_the_steps(sandbox: Sandbox, code: int) -> None:
    assert run_tests(sandbox, f"exit {code}").code == code


def test_the_command_may_have_several_lines_and_quotes(sandbox: Sandbox) -> None:
    result = run_tests(sandbox, "greeting='it is \"here\"'\nprintf '%s' \"$greeting\"")
    assert result.code == 0
    assert result.out.endswith('it is "here"')


def test_the_command_gets_a_home_of_its_own(sandbox: Sandbox) -> None:
    result = run_tests(sandbox, 'test -w "$HOME" && printf %s "$HOME"')
    assert result.code == 0
    home = Path(result.out.splitlines()[-1])
    assert home not in (sandbox.root, Path("/nonexistent"))
    shutil.rmtree(home)


def test_git_works_in_a_folder_that_belongs_to_another_user(sandbox: Sandbox) -> None:
    """That of the volume is root's. Tests of root's meet one that is nobody's."""
    git(sandbox.root, "init", "--quiet", "source")
    (sandbox.root / "copy").mkdir()
    found = sandbox.run(
        "test",
        PARAM_TEST_COMMAND=f"GIT_TEST_ASSUME_DIFFERENT_OWNER=1 {shutil.which('git')} status --short",
        SOURCE=sandbox.root / "source",
        WORK=sandbox.root / "copy",
    )
    assert found.code == 0, found.err
