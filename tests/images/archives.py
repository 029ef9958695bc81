"""Images as archives: written as small as tests need them, and read as what is in them."""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

KINDS = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "link"}


def write(archive: Path, content: str) -> str:
    """Write an OCI archive of something that is no image; return its digest, which follows from the content."""
    digest = hashlib.sha256(content.encode()).hexdigest()
    index = {"manifests": [{"digest": f"sha256:{digest}"}]}
    files = {"blobs/sha256/0": content, "index.json": json.dumps(index), "oci-layout": "{}"}
    archive.write_bytes(tar((name, {}, text.encode()) for name, text in files.items()))
    return f"sha256:{digest}"


def tar(members: Iterable[tuple[str, dict[str, Any], bytes]]) -> bytes:
    """A tar of members: name, what differs from a plain file of root's, content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as written:
        for name, differs, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in differs.items():
                setattr(info, key, value)
            written.addfile(info, io.BytesIO(content))
    return stream.getvalue()


class Archive:
    """An image in an OCI archive."""

    def __init__(self, path: Path) -> None:
        with tarfile.open(path) as opened:
            self._files = {member.name: opened.extractfile(member).read() for member in opened if member.isfile()}  # type: ignore[union-attr]
        self.index = json.loads(self._files["index.json"])
        self.manifest = self._document(self.index["manifests"][0])
        self.image = self._document(self.manifest["config"])
        self.config: dict[str, Any] = self.image["config"]

    def _blob(self, descriptor: dict[str, Any]) -> bytes:
        content = self._files[f"blobs/{descriptor['digest'].replace(':', '/')}"]
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
        return content

    def _document(self, descriptor: dict[str, Any]) -> Any:
        return json.loads(self._blob(descriptor))

    def members(self) -> dict[str, tarfile.TarInfo]:
        """What is in the image, by path: the layers one upon the other."""
        found: dict[str, tarfile.TarInfo] = {}
        for layer in self.manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(self._blob(layer))) as layered:
                for member in layered:
                    folder, _, name = member.name.strip("/").rpartition("/")
                    if name.startswith(".wh."):
                        gone = f"{folder}/{name.removeprefix('.wh.')}".strip("/")
                        found = {path: kept for path, kept in found.items() if not f"{path}/".startswith(f"{gone}/")}
                    else:
                        found[f"{folder}/{name}".strip("/")] = member
        return found

    def listing(self) -> list[str]:
        """One line for each: path, kind, mode, owner, and where a link goes. No content, which follows the packages."""
        lines = []
        for path, member in sorted(self.members().items()):
            kind = KINDS.get(member.type, member.type.decode())
            line = f"/{path} {kind} {member.mode:04o} {member.uid}:{member.gid} {member.linkname}"
            lines.append(re.sub(r"(?:x86_64|aarch64)-linux-gnu", "TRIPLET", line).rstrip())
        return lines
