"""Archives: the same content gives the same bytes, and what is in them is what was put in."""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from images.oci import Config, Layer, read_digest, write

CONFIG = Config("65532:65532", command=["serve"], env={"PORT": "8080"}, labels={"a": "b"})


def layer_from(folder: Path) -> Layer:
    layer = Layer()
    layer.tree(folder)
    return layer


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/tool").write_bytes(b"binary")
    (root / "usr/bin/tool").chmod(0o755)
    (root / "usr/bin/alias").symlink_to("tool")
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/passwd").chmod(0o644)
    return root


class Archive:
    """An archive, read back blob by blob."""

    def __init__(self, path: Path) -> None:
        with tarfile.open(path) as tar:
            self.files = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]
        self.index = json.loads(self.files["index.json"])
        self.manifest = self.blob(self.index["manifests"][0])
        self.config = self.blob(self.manifest["config"])

    def raw(self, descriptor: dict[str, Any]) -> bytes:
        content = self.files[f"blobs/{descriptor['digest'].replace(':', '/')}"]
        assert len(content) == descriptor["size"]
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
        return content

    def blob(self, descriptor: dict[str, Any]) -> Any:
        return json.loads(self.raw(descriptor))

    def layer(self, number: int) -> dict[str, tarfile.TarInfo]:
        with tarfile.open(fileobj=io.BytesIO(self.raw(self.manifest["layers"][number]))) as tar:
            return {member.name: member for member in tar}


def test_the_same_content_gives_the_same_archive(tree: Path, tmp_path: Path) -> None:
    first = write(tmp_path / "a.tar", "registry.example/x", [layer_from(tree)], CONFIG)
    os.utime(tree / "etc/passwd", (1, 1))
    layer = layer_from(tree)
    layer.entries = dict(reversed(layer.entries.items()))
    assert write(tmp_path / "b.tar", "registry.example/x", [layer], CONFIG) == first
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    assert read_digest(tmp_path / "a.tar") == first


@pytest.mark.parametrize("change", ["content", "mode", "command"])
def test_any_change_is_another_digest(tree: Path, tmp_path: Path, change: str) -> None:
    before = write(tmp_path / "a.tar", "registry.example/x", [layer_from(tree)], CONFIG)
    config = CONFIG
    if change == "content":
        (tree / "usr/bin/tool").write_bytes(b"other!")
    elif change == "mode":
        (tree / "usr/bin/tool").chmod(0o700)
    else:
        config = Config(CONFIG.user, command=["other"], env=CONFIG.env, labels=CONFIG.labels)
    assert write(tmp_path / "b.tar", "registry.example/x", [layer_from(tree)], config) != before


def test_an_archive_is_an_oci_layout_named_by_digest(tree: Path, tmp_path: Path) -> None:
    extra = Layer()
    extra.file("opt/extra", b"more", 0o600)
    digest = write(tmp_path / "a.tar", "registry.example:5000/platform/x", [layer_from(tree), extra], CONFIG)
    archive = Archive(tmp_path / "a.tar")
    assert json.loads(archive.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    named = archive.index["manifests"][0]["annotations"]["io.containerd.image.name"]
    assert named == f"registry.example:5000/platform/x@{digest}"
    layers = [layer["digest"] for layer in archive.manifest["layers"]]
    assert archive.config["rootfs"]["diff_ids"] == layers
    # buildah counts them against the layers when it builds on the image.
    assert len(archive.config["history"]) == len(layers) == 2
    assert archive.config["config"]["User"] == "65532:65532"
    assert archive.config["config"]["Cmd"] == ["serve"]
    assert "PORT=8080" in archive.config["config"]["Env"]


def test_a_layer_keeps_modes_links_and_owners_and_makes_parents(tree: Path, tmp_path: Path) -> None:
    layer = layer_from(tree)
    layer.directory("home/user", owner=65532)
    layer.directory("tmp", 0o1777)
    write(tmp_path / "a.tar", "registry.example/x", [layer], CONFIG)
    members = Archive(tmp_path / "a.tar").layer(0)
    assert (members["usr/bin/tool"].mode, members["usr/bin/tool"].uid) == (0o755, 0)
    assert (members["usr/bin/alias"].issym(), members["usr/bin/alias"].linkname) == (True, "tool")
    assert (members["home"].isdir(), members["home"].uid) == (True, 0)
    assert (members["home/user"].uid, members["home/user"].gid) == (65532, 65532)
    assert members["tmp"].mode == 0o1777
    names = list(members)
    assert names.index("home") < names.index("home/user")


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    layer = Layer()
    layer.file("missing", tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "cache" / "a.tar", "registry.example/x", [layer], CONFIG)
    assert list((tmp_path / "cache").iterdir()) == []
