"""Container images written as OCI archives: the same content always gives the same digest, and no tool is needed."""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
EPOCH = "1970-01-01T00:00:00Z"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
# The name containerd gives an image that it imports from an archive.
CONTAINERD_NAME = "io.containerd.image.name"


@dataclass(frozen=True)
class Entry:
    """One file, link or directory of a layer; everything belongs to root unless an owner is given."""

    mode: int = 0o644
    content: Path | bytes | None = None
    target: str | None = None
    owner: int = 0


@dataclass
class Layer:
    """A file tree. Missing parent directories are made when it is written."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def directory(self, path: str, mode: int = 0o755, owner: int = 0) -> None:
        self.entries[path.strip("/")] = Entry(mode=mode, owner=owner)

    def file(self, path: str, content: Path | bytes, mode: int = 0o644) -> None:
        self.entries[path.strip("/")] = Entry(mode=mode, content=content)

    def symlink(self, path: str, target: str) -> None:
        self.entries[path.strip("/")] = Entry(mode=0o777, target=target)

    def tree(self, root: Path) -> None:
        """Everything below a folder, with its modes."""
        for path in root.rglob("*"):
            name = str(path.relative_to(root))
            if path.is_symlink():
                self.symlink(name, str(path.readlink()))
            elif path.is_dir():
                self.directory(name, path.stat().st_mode & 0o7777)
            else:
                self.file(name, path, path.stat().st_mode & 0o7777)

    def write(self, stream: Any) -> None:
        """Write the layer as a tar whose bytes depend on nothing but the entries."""
        parents = {str(parent) for path in self.entries for parent in PurePosixPath(path).parents} - {"."}
        entries = {path: Entry(mode=0o755) for path in parents} | self.entries
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path in sorted(entries):
                _add(tar, path, entries[path])


def _add(tar: tarfile.TarFile, path: str, entry: Entry) -> None:
    info = tarfile.TarInfo(path)
    info.mode = entry.mode
    info.uid = info.gid = entry.owner
    if entry.target is not None:
        info.type = tarfile.SYMTYPE
        info.linkname = entry.target
        tar.addfile(info)
    elif entry.content is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif isinstance(entry.content, bytes):
        info.size = len(entry.content)
        tar.addfile(info, io.BytesIO(entry.content))
    else:
        info.size = entry.content.stat().st_size
        with entry.content.open("rb") as source:
            tar.addfile(info, source)


@dataclass(frozen=True)
class Config:
    """How a container of the image starts."""

    user: str
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def document(self, layers: Sequence[str]) -> dict[str, Any]:
        """The image configuration over layers with these digests."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"} | dict(self.env)
        return {
            "created": EPOCH,
            "architecture": ARCHITECTURES[os.uname().machine],
            "os": "linux",
            "config": {
                "User": self.user,
                "Env": [f"{name}={value}" for name, value in env.items()],
                "Entrypoint": list(self.entrypoint),
                "Cmd": list(self.command),
                "Labels": dict(self.labels),
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": list(layers)},
            # Optional by the specification, but buildah refuses to add layers to an image without it.
            "history": [{"created": EPOCH, "created_by": "tekton-delivery"} for _ in layers],
        }


def write(archive: Path, repository: str, layers: Sequence[Layer], config: Config) -> str:
    """Write an image as an OCI archive that containerd imports as `repository@sha256:…`; return the digest."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=archive.parent, prefix=f".{archive.name}-", delete=False) as partial:
        try:
            with tarfile.open(fileobj=partial, mode="w", format=tarfile.GNU_FORMAT) as tar:
                digest = _write_layout(tar, archive.parent, repository, layers, config)
            partial.close()
            Path(partial.name).chmod(0o644)
            Path(partial.name).rename(archive)
        except BaseException:
            Path(partial.name).unlink()
            raise
    return digest


def read_digest(archive: Path) -> str:
    """The digest of the image in an archive."""
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        assert index is not None
        return str(json.load(index)["manifests"][0]["digest"])


def _write_layout(tar: tarfile.TarFile, work: Path, repository: str, layers: Sequence[Layer], config: Config) -> str:
    # The index goes first, so that reading it back does not mean skipping through the layers.
    blobs: list[tuple[str, Any]] = []
    descriptors = []
    with tempfile.TemporaryDirectory(dir=work, prefix=".layers-") as scratch:
        for number, layer in enumerate(layers):
            path = Path(scratch) / str(number)
            with path.open("wb") as stream:
                layer.write(stream)
            with path.open("rb") as stream:
                digest = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
            descriptors.append({"mediaType": LAYER_TYPE, "digest": digest, "size": path.stat().st_size})
            blobs.append((digest, path))
        config_bytes = _json(config.document([str(descriptor["digest"]) for descriptor in descriptors]))
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": CONFIG_TYPE, "digest": _digest(config_bytes), "size": len(config_bytes)},
            "layers": descriptors,
        }
        manifest_bytes = _json(manifest)
        digest = _digest(manifest_bytes)
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [
                {
                    "mediaType": MANIFEST_TYPE,
                    "digest": digest,
                    "size": len(manifest_bytes),
                    "annotations": {CONTAINERD_NAME: f"{repository}@{digest}"},
                }
            ],
        }
        _add(tar, "index.json", Entry(content=_json(index)))
        _add(tar, "oci-layout", Entry(content=_json({"imageLayoutVersion": "1.0.0"})))
        blobs += [(_digest(config_bytes), config_bytes), (digest, manifest_bytes)]
        for name, content in dict(blobs).items():
            _add(tar, f"blobs/{name.replace(':', '/')}", Entry(content=content))
    return digest


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
