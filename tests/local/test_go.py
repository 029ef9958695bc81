"""Which Go compiles the tools, and how the pinned one comes."""

import json
import os
import shutil
from pathlib import Path

import pytest

from local import debian, go
from local.errors import UserError
from local.progress import Progress

QUIET = Progress(write=lambda text: None, tty=False)
NEWER, OLDER = "go1.99.1", "go1.19.8"


def installed(folder: Path, version: str, sum: str = go.SUMS["linux-amd64"]) -> Path:
    """A Go that says what it is, and serves a module of Go's form: read-only, without permissions and nested modules."""
    folder.mkdir(exist_ok=True)
    module = json.dumps({"Sum": sum, "Dir": "MODULE"}).replace("MODULE", "$GOMODCACHE/module")
    program = folder / "go"
    program.write_text(
        f"""#!/bin/sh
echo "$*" >>{folder}/calls
case "$*" in
"env GOVERSION") echo {version} ;;
"env GOOS GOARCH") printf 'linux\\namd64\\n' ;;
"mod download"*)
    mkdir -p "$GOMODCACHE/module/bin" "$GOMODCACHE/module/pkg/tool/linux_amd64" "$GOMODCACHE/module/src"
    touch "$GOMODCACHE/module/bin/go" "$GOMODCACHE/module/pkg/tool/linux_amd64/link" "$GOMODCACHE/module/src/_go.mod"
    chmod 444 "$GOMODCACHE/module/bin/go"
    cat <<END
{module}
END
    ;;
*) exit 1 ;;
esac
"""
    )
    program.chmod(0o755)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(go, "CACHE", tmp_path / "cache")
    return tmp_path / "cache" / "go"


def use(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")


def test_a_go_that_is_new_enough_is_used_as_it_is(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, installed(tmp_path / "own", NEWER))
    assert go.ensure(QUIET) == go.Go(str(tmp_path / "own" / "go"))
    assert not cache.exists()


@pytest.mark.parametrize("version", [OLDER, "", "go1.26.0"])
def test_an_older_one_fetches_the_pinned_one_once(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    own = installed(tmp_path / "own", version)
    use(monkeypatch, own)
    pinned = go.ensure(QUIET)
    assert go.ensure(QUIET) == pinned
    folder = cache / go.text(go.PINNED)
    assert pinned == go.Go(str(folder / "bin/go"), {"GOROOT": str(folder), "GOTOOLCHAIN": "local"})
    assert os.access(pinned.program, os.X_OK)
    assert os.access(folder / "pkg/tool/linux_amd64/link", os.X_OK)
    assert (folder / "src/go.mod").exists()
    assert [path.name for path in cache.iterdir()] == [folder.name], "nothing is left over"
    downloads = [line for line in (own / "calls").read_text().splitlines() if line.startswith("mod download")]
    assert downloads == [f"mod download -json golang.org/toolchain@v0.0.1-go{go.text(go.PINNED)}.linux-amd64"]


def test_where_there_is_none_debians_fetches_it(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").mkdir()
    use(monkeypatch, tmp_path / "own")
    asked: list[str] = []

    def apt(names: list[str], progress: Progress) -> None:
        asked.extend(names)
        installed(tmp_path / "own", OLDER)

    monkeypatch.setattr(shutil, "which", lambda name: str(path) if (path := tmp_path / "own" / name).exists() else None)
    monkeypatch.setattr(debian, "ensure", apt)
    assert go.ensure(QUIET).program.startswith(str(cache))
    assert asked == ["golang-go"]


def test_another_go_than_the_pinned_one_is_not_used(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, installed(tmp_path / "own", OLDER, sum="h1:other="))
    with pytest.raises(UserError, match=r"is not what was pinned: its hash is h1:other="):
        go.ensure(QUIET)
    assert list(cache.iterdir()) == []


def test_the_pinned_go_compiles_every_pinned_module() -> None:
    assert go.PINNED >= go.needed() >= (1, 26)
    assert go.needed()[:2] == go.PINNED[:2], "the documents say which release it is"
