"""The cache key of the Go tools, and what their module files say."""

import re
import shutil
import threading
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from local import tools
from local.errors import UserError
from local.paths import MODULES
from local.progress import Progress

GO = "go1.26.8 linux amd64"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "runc"
    folder.mkdir()
    (folder / "go.mod").write_text(
        "module example.local/runc\n\ngo 1.26\n\nrequire github.com/opencontainers/runc v1.5.2\n"
        "require (\n\tgithub.com/x/y v0.1.0 // indirect\n)\n\ntool (\n\tgithub.com/opencontainers/runc\n)\n"
    )
    (folder / "go.sum").write_text("sums\n")
    return folder


def test_directives_are_read_in_both_forms(module: Path) -> None:
    tool = tools.read(module)
    assert tool.packages == ("github.com/opencontainers/runc",)
    assert tool.versions == {"github.com/opencontainers/runc": "v1.5.2", "github.com/x/y": "v0.1.0"}
    (module / "go.mod").write_text("module example.local/runc\n\ntool example.org/a/cmd/b\n")
    assert tools.read(module).packages == ("example.org/a/cmd/b",)


def test_every_pinned_module_names_its_commands() -> None:
    assert tools.BUILDS.keys() <= tools.TOOLS.keys()
    for name, tool in tools.TOOLS.items():
        assert tool.packages, f"local/modules/{name}/go.mod has no tool directive"
        placed = [package for _, packages in tool.targets() for package in packages]
        assert sorted(placed) == sorted(tool.packages)


def test_commands_with_one_name_go_to_different_folders() -> None:
    for tool in tools.TOOLS.values():
        for _, packages in tool.targets():
            names = [package.rpartition("/")[2] for package in packages]
            assert len(names) == len(set(names))


def test_the_key_depends_on_everything_that_makes_a_binary(module: Path) -> None:
    tool = tools.read(module)
    keys = {tool.key(GO), tool.key("go1.26.9 linux amd64"), replace(tool, build=tools.Build()).key(GO)}
    for name in ("go.mod", "go.sum"):
        with (module / name).open("a") as file:
            file.write("\n// changed\n")
        keys.add(tool.key(GO))
    for text in ("package main\n", "package main // changed\n"):
        (module / "main.go").write_text(text)
        keys.add(tool.key(GO))
    assert len(keys) == 7
    assert all(len(key) == 12 for key in keys)


def test_the_key_does_not_depend_on_where_the_checkout_is(module: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / module.name
    shutil.copytree(module, elsewhere)
    assert tools.read(elsewhere).key(GO) == tools.read(module).key(GO)


def test_kubernetes_is_told_its_version() -> None:
    version = tools.TOOLS["kubernetes"].versions["k8s.io/kubernetes"]
    assert f"-X=k8s.io/component-base/version.gitVersion={version}" in " ".join(tools.TOOLS["kubernetes"].flags())


def test_only_what_contains_c_is_built_with_cgo() -> None:
    assert {name for name, tool in tools.TOOLS.items() if tool.environment()["CGO_ENABLED"] == "1"} == {"runc", "gitea"}


def test_a_compilation_that_would_fill_the_disk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 99, 3 * 10**9))
    monkeypatch.setattr(tools, "_go", lambda *arguments: str(MODULES))
    tools.check_room(1)
    with pytest.raises(UserError, match=r"2 of the cluster's tools may need 4 GB .* 3\.0 GB are free"):
        tools.check_room(2)


def test_files_from_the_read_only_module_cache_become_usable(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "file").write_text("x")
    (source / "inner" / "file").chmod(0o444)
    tools._copy(source, tmp_path / "folder")
    tools._copy(source / "inner" / "file", tmp_path / "command")
    assert (tmp_path / "folder" / "inner" / "file").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "command").stat().st_mode & 0o777 == 0o755


def test_compilers_keep_their_garbage_where_there_is_memory_for_it() -> None:
    assert tools.without_garbage_collection(installed=8 * 2**30, cpus=2) == {"GOGC": "off", "GOMEMLIMIT": "3221225472"}
    assert tools.without_garbage_collection(installed=7 * 2**30, cpus=2) == {}


@pytest.fixture
def nothing_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """No tool is in the cache; what is compiled is written down and made empty."""
    compiled: list[str] = []

    def compile_one(tool: tools.Tool, folder: Path) -> None:
        compiled.append(tool.name)
        folder.mkdir()

    monkeypatch.setattr(tools, "TOOLS_CACHE", tmp_path)
    monkeypatch.setattr(tools, "_go_target", lambda: GO)
    monkeypatch.setattr(tools, "check_room", lambda modules: None)
    monkeypatch.setattr(tools, "_compile", compile_one)
    monkeypatch.setattr("local.tools.debian.ensure", lambda names, progress: None)
    return compiled


def test_modules_are_fetched_while_others_are_compiled(monkeypatch: pytest.MonkeyPatch, nothing_compiled: list[str]) -> None:
    second = threading.Event()
    compile_one = tools._compile

    def fetch(tool: tools.Tool) -> None:
        if tool.name == "etcd":
            second.set()

    def compile_when_the_second_is_there(tool: tools.Tool, folder: Path) -> None:
        assert second.wait(5), "nothing was fetched while the first one was compiled"
        compile_one(tool, folder)

    monkeypatch.setattr(tools, "_fetch", fetch)
    monkeypatch.setattr(tools, "_compile", compile_when_the_second_is_there)
    folders = tools.ensure(["cni", "etcd"], Progress(write=lambda text: None))
    assert nothing_compiled == ["cni", "etcd"]
    assert all(folder.is_dir() for folder in folders.values())


def test_what_cannot_be_fetched_is_not_compiled_and_ends_all(
    monkeypatch: pytest.MonkeyPatch, nothing_compiled: list[str]
) -> None:
    def fetch(tool: tools.Tool) -> None:
        if tool.name == "etcd":
            raise UserError("`go list` of etcd failed")

    monkeypatch.setattr(tools, "_fetch", fetch)
    with pytest.raises(UserError, match="of etcd failed"):
        tools.ensure(["cni", "etcd", "runc"], Progress(write=lambda text: None))
    assert nothing_compiled == ["cni"]


def test_coredns_has_the_plugins_that_its_corefile_names() -> None:
    manifest = (MODULES.parent / "cluster" / "manifests" / "coredns.yaml").read_text()
    named = re.findall(r"^ {8}([a-z]+)", manifest.partition("Corefile: |")[2].partition("\n---")[0], re.M)
    compiled = re.findall(r'_ "github.com/coredns/coredns/plugin/(\w+)"', (MODULES / "coredns" / "main.go").read_text())
    assert sorted(named) == compiled
