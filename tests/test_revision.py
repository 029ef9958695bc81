"""Another version of the program, rendered beside this one."""

import subprocess
from pathlib import Path

import pytest

from offline import revision
from offline.revision import RevisionError


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose program renders what stands in its own file; the committed one and the working tree differ."""
    (tmp_path / "offline").mkdir()
    (tmp_path / "offline" / "render.py").write_text(
        "import pathlib, sys\n"
        "assert sys.argv[1:], 'no stack named'\n"
        "pathlib.Path('rendered').mkdir()\n"
        "for name in sys.argv[1:]:\n"
        "    pathlib.Path('rendered', name + '.yaml').write_text(pathlib.Path('declared').read_text())\n"
    )
    (tmp_path / "Pulumi.small.yaml").write_text("config: {}\n")
    (tmp_path / "declared").write_text("kind: committed\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *command], check=True)
    (tmp_path / "declared").write_text("kind: changed since\n")
    monkeypatch.setattr(revision, "ROOT", tmp_path)
    return tmp_path


def test_another_revision_is_rendered_by_its_own_program(repository: Path) -> None:
    before = sorted(path.name for path in repository.iterdir())
    assert revision.declared_in("HEAD", []) == {"small": [{"kind": "committed"}]}
    assert sorted(path.name for path in repository.iterdir()) == before


def test_a_stack_that_the_other_revision_does_not_have_declared_nothing_there(repository: Path) -> None:
    (repository / "Pulumi.new.yaml").write_text("config: {}\n")
    assert revision.declared_in("HEAD", ["new"]) == {}


@pytest.mark.parametrize(
    ("name", "program", "message"),
    [("v9", "", "not a valid object name"), ("HEAD", "raise SystemExit('no such setting')", "no such setting")],
)
def test_a_revision_that_cannot_be_rendered_says_why(repository: Path, name: str, program: str, message: str) -> None:
    if program:
        (repository / "offline" / "render.py").write_text(program)
        subprocess.run(
            ["git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qam", "x"],
            check=True,
        )
    with pytest.raises(RevisionError, match=f"--against {name}: .*{message}"):
        revision.declared_in(name, [])


def test_what_another_revision_nests_without_end_is_one_message(repository: Path) -> None:
    """It ended the process: PyYAML's C loader has no bound."""
    (repository / "offline" / "render.py").write_text(
        "import pathlib\npathlib.Path('rendered').mkdir()\n"
        "pathlib.Path('rendered', 'small.yaml').write_text('[' * 200_000)\n"
    )
    subprocess.run(
        ["git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qam", "x"],
        check=True,
    )
    with pytest.raises(RevisionError, match=r"small\.yaml is no YAML: line 1: nested more than 100 deep"):
        revision.declared_in("HEAD", [])
