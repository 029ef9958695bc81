"""What a copy of this repository lives by: its version, its owners, its hooks, and the paths that its guides name."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench import numbers, picture
from local import tools
from offline import pictures
from tests.support import ROOT

README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
# A path in a guide: with a folder, or a file of the root. Not a setting, a command or a pattern with a gap to fill in.
PATH = re.compile(r"`(\.?[\w*-]+(?:/[\w.*-]+)+/?|[\w.-]+\.(?:md|py|toml|yaml|lock)|\w+/)`")
MADE = re.compile(r"^(\.local|\.venv|rendered|beside)(/|$)")


def files() -> list[Path]:
    """Every file of the repository, added ones included."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def loaded(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def missing(text: str, folder: Path = ROOT) -> set[str]:
    """The paths that a text names and that are not there."""
    named = {name for name in PATH.findall(text) if not MADE.match(name)}
    assert named
    return {name for name in named if not (any(folder.glob(name)) or any(ROOT.glob(name)))}


def test_every_path_that_the_guides_name_is_there() -> None:
    assert missing(CONTRIBUTING) == set()
    assert missing((ROOT / "local" / "README.md").read_text(), ROOT / "local") == set()
    assert missing((ROOT / "docs" / "upgrading.md").read_text()) == set()


def test_what_the_documents_say_of_the_repositorys_folders_is_there() -> None:
    folders = {path.parts[len(ROOT.parts)] for path in files() if path.parent != ROOT}
    found = set()
    for document in [ROOT / "SECURITY.md", *ROOT.glob("*/README.md"), *(ROOT / "docs").rglob("*.md")]:
        named = {name for name in PATH.findall(document.read_text()) if name.split("/")[0] in folders and "/" in name}
        found |= named
        # SECURITY.md names tests from their own folder.
        bases = (ROOT, ROOT / "tests", document.parent)
        gone = {name for name in named if not any(path for base in bases for path in base.glob(name))}
        assert gone == set(), document
    assert len(found) > 30


def test_a_path_that_is_not_there_is_noticed() -> None:
    assert missing("`components/gone.py`, `components/`, `gone.py`, `gone/`, `tests/gone/*`, `README.md`") == {
        "components/gone.py",
        "gone.py",
        "gone/",
        "tests/gone/*",
    }


def test_the_contributors_guide_names_what_the_code_calls_so() -> None:
    """A name in capitals, with a file of the same paragraph that has it."""
    for paragraph in re.split(r"\n\n|\n(?=\d\. )", CONTRIBUTING):
        for name in re.findall(r"`([A-Z]{4,}(?:_[A-Z]+)*)`", paragraph):
            named = [ROOT / path for path in PATH.findall(paragraph) if (ROOT / path).is_file()]
            assert any(re.search(rf"\b{name}\b", path.read_text()) for path in named), name


def test_the_readme_takes_three_minutes() -> None:
    assert 500 < len(README.split()) < 800


def test_the_readmes_numbers_were_measured() -> None:
    """`make bench` writes those of deliveries; those of previews stand in the last recorded growth."""
    assert numbers.BEGIN + numbers.block() + numbers.END in README
    assert numbers.PICTURE.read_text() == picture.draw(json.loads(numbers.RESULTS.read_text()))
    growth = (ROOT / "bench" / "results.md").read_text().rpartition("## Growth of a stack")[2]
    (said,) = re.findall(r"preview without a change takes ([\d.]+) s with one application\s+and ([\d.]+) s with 100", README)
    for applications, seconds in zip((1, 100), said, strict=True):
        assert re.findall(rf"^\| {applications} \| \d+ \| [^|]+ \| ([\d.]+) ", growth, re.M) == [seconds]


def test_the_readme_demands_the_room_that_compiling_demands() -> None:
    (said,) = re.findall(r"(\d+) GB\s+of free disk", README)
    compiled = set(tools.TOOLS) - set(tools.CHECKS)
    assert int(said) == len(compiled) * tools.ROOM_PER_MODULE // 10**9


def test_the_version_is_the_newest_of_the_changelog_wherever_it_stands() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (locked,) = [
        package["version"]
        for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
        if package["name"] == "tekton-delivery"
    ]
    released = re.findall(r"^## (\d+\.\d+\.\d+)$", changelog, re.M)
    assert {version, locked, loaded("policy/PulumiPolicy.yaml")["version"]} == {released[0]}
    assert released == sorted(released, key=lambda text: [*map(int, text.split("."))], reverse=True)
    assert set(re.findall(r"^## (.+)$", changelog, re.M)) - set(released) <= {"Unreleased"}


def test_every_line_of_the_owners_is_for_files_that_are_there_and_the_last_one_counts() -> None:
    lines = [line.split() for line in (ROOT / ".github" / "CODEOWNERS").read_text().splitlines()]
    owned = [line for line in lines if line and line[0] != "#"]
    assert owned[0][0] == "*", "what comes before the line for everything would be for nothing"
    for pattern, *owners in owned[1:]:
        assert owners
        assert pattern.startswith("/")
        assert any(ROOT.glob(pattern.strip("/"))), pattern


@pytest.mark.parametrize("path", ["policies/runs.py", "access.py", "plan/credentials.py", "tasks/scripts/fetch.sh"])
def test_what_trust_rests_on_has_owners_of_its_own(path: str) -> None:
    patterns = re.findall(r"^/(\S+) +@", (ROOT / ".github" / "CODEOWNERS").read_text(), re.M)
    file = Path("components") / path
    assert any(file.match(pattern) or pattern.rstrip("/") in map(str, file.parents) for pattern in patterns)


def test_newer_versions_are_proposed_for_all_that_is_locked() -> None:
    updates = {update["package-ecosystem"]: update for update in loaded(".github/dependabot.yml")["updates"]}
    assert set(updates) == {"uv", "gomod", "github-actions"}
    modules = {path for pattern in updates["gomod"]["directories"] for path in ROOT.glob(pattern.strip("/"))}
    assert {path.parent for path in files() if path.name == "go.mod"} == {path for path in modules if path.is_dir()}
    assert [path for path in files() if path.name == "uv.lock"] == [ROOT / "uv.lock"]


def test_the_tekton_that_runs_is_the_one_that_judges() -> None:
    runs, judges = (tools.TOOLS[name].versions for name in ("tekton", "tekton-contracts"))
    for module in ("github.com/tektoncd/pipeline", "github.com/tektoncd/triggers"):
        assert runs[module] == judges[module]


def test_hooks_fetch_nothing_and_run_what_is_pinned() -> None:
    (repository,) = loaded(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        program = re.findall(r"\.venv/bin/[\w-]+", hook["entry"])
        assert program
        assert (ROOT / program[0]).exists(), hook["id"]


def test_files_are_as_editors_are_told_to_write_them() -> None:
    tabbed = re.findall(r"\[\{(.+)\}\]\nindent_style = tab", (ROOT / ".editorconfig").read_text())[0].split(",")
    for path in files():
        text = path.read_bytes().decode(errors="replace")
        if path.suffix in (".gz", ".patch") or path.is_symlink() or "tests/fixtures" in str(path) or not text:
            continue
        assert text.endswith("\n"), path
        assert not re.search(r"[ \t\r]$", text, re.M), path
        if not any(path.match(pattern) for pattern in tabbed):
            assert not re.search(r"^ *\t", text, re.M), path


def test_the_pictures_are_drawn_of_what_people_see() -> None:
    drawn = pictures.pictures()
    assert {path.name: path.read_text() for path in pictures.FOLDER.iterdir()} == drawn, "python -m offline.pictures"
    assert "waits for approval: #11" in drawn["status.svg"]
    assert "staging: failed" in drawn["comment.svg"]
