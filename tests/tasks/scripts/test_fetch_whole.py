"""fetch.sh: what a commit has that git alone does not bring is refused, where it belongs to the application."""

import os
import shutil
from pathlib import Path

import pytest

from tests.tasks.scripts.conftest import Result, Sandbox, git, in_the_tools_images_shell, needs_jq
from tests.tasks.scripts.test_fetch import address, fetch

pytestmark = [in_the_tools_images_shell, needs_jq]

OTHER = "0123456789abcdef0123456789abcdef01234567"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"
SUBMODULE = "submodules are not fetched (commit the files, or set `paths` without it): "
LFS = "Git LFS is not fetched (commit the files, or set `paths` without it): "
TRACKED = "*.png filter=lfs diff=lfs merge=lfs -text\n"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def committed(folder: Path, files: dict[str, str | bytes], submodules: tuple[str, ...] = ()) -> str:
    """A commit of these files; its sha. Filters that the machine may have do not run."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "-c", "filter.lfs.clean=cat", "-c", "filter.lfs.required=false", "add", "--all")
    for name in submodules:
        git(folder, "update-index", "--add", "--cacheinfo", f"160000,{OTHER},{name}")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "more")
    return git(folder, "rev-parse", "HEAD")


def refused(sandbox: Sandbox, result: Result) -> str:
    assert result.code != 0
    reason = (sandbox.root / "reason").read_text()
    assert f"error: {reason}\n" in result.err
    return reason


def test_a_submodule_is_refused_by_its_name(sandbox: Sandbox, made: Path) -> None:
    modules = '[submodule "lib"]\n\tpath = lib\n\turl = https://example.org/lib.git\n'
    sha = committed(made, {".gitmodules": modules, "a": "a"}, ("third party/lib",))
    assert refused(sandbox, fetch(sandbox, address(made), sha)) == f"{SUBMODULE}third party/lib"


def test_a_pointer_is_refused_by_its_name(sandbox: Sandbox, made: Path) -> None:
    sha = committed(made, {".gitattributes": TRACKED, "a": "a", "assets/logo big.png": POINTER})
    assert refused(sandbox, fetch(sandbox, address(made), sha)) == f"{LFS}assets/logo big.png"


@pytest.mark.parametrize(
    "pointer",
    [
        POINTER.replace("git-lfs", "hawser"),
        POINTER.replace("https://git-lfs.github.com/spec/v1", "http://git-media.io/v/2"),
        POINTER.replace("\n", "\r\n"),
        f"\n \t\n{POINTER}",
        f"  {POINTER}",
        POINTER.rstrip(),
    ],
    ids=["hawser", "git-media", "carriage-returns", "empty-lines", "indented", "without-its-end"],
)
def test_a_pointer_is_what_git_lfs_takes_for_one(sandbox: Sandbox, made: Path, pointer: str) -> None:
    sha = committed(made, {".gitattributes": TRACKED, "logo.png": pointer})
    assert refused(sandbox, fetch(sandbox, address(made), sha)) == f"{LFS}logo.png"


def test_attributes_of_a_folder_and_macros_count(sandbox: Sandbox, made: Path) -> None:
    attributes = {".gitattributes": "[attr]large filter=lfs\n", "assets/.gitattributes": "*.bin large\n"}
    sha = committed(made, attributes | {"assets/x.bin": POINTER})
    assert refused(sandbox, fetch(sandbox, address(made), sha)) == f"{LFS}assets/x.bin"


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({".gitattributes": TRACKED}, id="no such file"),
        pytest.param({".gitattributes": TRACKED, "logo.png": b"\x89PNG\r\n\x1a\n\0\0\0"}, id="the file itself"),
        pytest.param({".gitattributes": TRACKED, "logo.png": ""}, id="an empty file"),
        pytest.param({".gitattributes": TRACKED, "logo.png": POINTER + "x" * 1024}, id="more than a pointer"),
        pytest.param({".gitattributes": TRACKED, "logo.png": f"see\n{POINTER}"}, id="a text about pointers"),
        pytest.param({".gitattributes": "*.png filter=other\n", "logo.png": POINTER}, id="another filter"),
        pytest.param({"testdata/pointer": POINTER}, id="a pointer as data, in a repository without LFS"),
        pytest.param({".gitmodules": '[submodule "gone"]\n\tpath = gone\n\turl = x\n'}, id="a submodule that is gone"),
    ],
)
def test_what_is_whole_is_fetched(sandbox: Sandbox, made: Path, files: dict[str, str | bytes]) -> None:
    result = fetch(sandbox, address(made), committed(made, {"a": "a"} | files))
    assert result.code == 0, result.err
    assert not (sandbox.root / "reason").exists()


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        ("shop", None),
        ("shop\nlib/[locale]", None),
        ("shop\nassets", f"{LFS}assets/a.png"),
        ("shop\nvendor", f"{SUBMODULE}vendor/x"),
        ("vendor/x", f"{SUBMODULE}vendor/x"),
        ("", f"{SUBMODULE}vendor/x"),
        ("lib/[ab]", f"{LFS}lib/[ab]/b.png"),
    ],
)
def test_what_is_not_the_applications_does_not_matter_to_it(
    sandbox: Sandbox, made: Path, paths: str, why: str | None
) -> None:
    files = {"shop/a": "a", "assets/a.png": POINTER, "lib/[locale]/a": "a", "lib/[ab]/b.png": POINTER, "lib/a/a": "a"}
    sha = committed(made, {".gitattributes": TRACKED} | files, ("vendor/x",))
    result = fetch(sandbox, address(made), sha, PARAM_PATHS=paths)
    if why:
        assert refused(sandbox, result) == why
    else:
        assert result.code == 0, result.err


def test_names_are_shown_as_git_quotes_them(sandbox: Sandbox, made: Path) -> None:
    """A name is anybody's text: of one line, and nothing that a terminal or a shell takes for more."""
    sha = committed(made, {"a": "a"}, ("x\ny\x1b[1m$(touch pwned)",))
    why = refused(sandbox, fetch(sandbox, address(made), sha))
    assert why == SUBMODULE + r'"x\ny\033[1m$(touch pwned)"'


def test_a_link_is_no_pointer_and_is_not_followed(sandbox: Sandbox, made: Path) -> None:
    target = sandbox.file("outside", POINTER)
    (made / "linked.png").symlink_to(target)
    result = fetch(sandbox, address(made), committed(made, {".gitattributes": TRACKED}))
    assert result.code == 0, result.err


def test_many_files_and_pointers_take_one_pass(sandbox: Sandbox, made: Path) -> None:
    """A process for each of them would take minutes where there are a million."""
    files: dict[str, str | bytes] = {f"{number}.png": f"{number}" for number in range(500)}
    sha = committed(made, {".gitattributes": TRACKED} | files)
    sandbox.stub("git", f'exec {shutil.which("git")} "$@"')
    result = fetch(sandbox, address(made), sha)
    assert result.code == 0, result.err
    assert len(sandbox.called("git")) < 20


def described(sandbox: Sandbox) -> str:
    return git(sandbox.root / "source", "describe", "--tags", "--always")


@pytest.fixture
def tagged(made: Path) -> Path:
    """Three commits: the first one has an annotated tag, the second one a light one, and another branch a third."""
    for number, tag in enumerate((("-a", "-m", "one", "v1"), ("v2",), ()), 1):
        committed(made, {"file": str(number)})
        if tag:
            git(made, "tag", *tag)
    git(made, "checkout", "--quiet", "-b", "other", "v1")
    committed(made, {"other": "x"})
    git(made, "tag", "elsewhere")
    git(made, "checkout", "--quiet", "main")
    return made


@pytest.mark.parametrize(
    ("depth", "tags", "commits", "found"),
    [
        ("1", "false", 1, []),
        ("1", "true", 1, []),
        ("2", "false", 2, []),
        ("2", "true", 2, ["v2"]),
        ("0", "false", 3, []),
        ("0", "true", 3, ["v1", "v2"]),
    ],
)
@pytest.mark.parametrize("ref", ["", "refs/pull/7/head"], ids=["own", "fork"])
def test_depth_and_tags_are_those_of_the_settings(
    sandbox: Sandbox, tagged: Path, depth: str, tags: str, commits: int, found: list[str], ref: str
) -> None:
    head = git(tagged, "rev-parse", "HEAD")
    git(tagged, "update-ref", "refs/pull/7/head", head)
    more = {"PARAM_REF": ref} if ref else {}
    result = fetch(sandbox, address(tagged), head, PARAM_FETCH_DEPTH=depth, PARAM_FETCH_TAGS=tags, **more)
    assert result.code == 0, result.err
    source = sandbox.root / "source"
    assert len(git(source, "rev-list", "--all", "HEAD").splitlines()) == commits
    assert git(source, "tag").splitlines() == found
    assert [line for line in git(source, "for-each-ref", "--format=%(refname)").splitlines() if "tags" not in line] == []
    if found:
        assert described(sandbox) == ("v2-1-g" + head[:7])


def test_a_large_file_takes_no_memory_of_its_size(sandbox: Sandbox, made: Path) -> None:
    """Each process of git has 50 MB for data of its own. So has the forge, which is told to be as thrifty."""
    content = os.urandom(60_000_000)
    sha = committed(made, {"large": content})
    git(made, "config", "core.bigFileThreshold", "1m")
    sandbox.stub("git", f'ulimit -d 50000\nexec {shutil.which("git")} "$@"')
    result = fetch(sandbox, address(made), sha)
    assert result.code == 0, result.err
    assert (sandbox.root / "source/large").read_bytes() == content
