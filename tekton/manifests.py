"""Tekton's manifests: fetched, compared with their checksums, and given the images to run."""

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tekton.settings import PREFIX, Release, SettingsError
from tekton.settings import Manifest as File

Manifest = dict[str, Any]

# Where upstream's manifests say which release they are; those of a working tree say `devel`.
RELEASE_LABELS = ("pipeline.tekton.dev/release", "triggers.tekton.dev/release")


def read(releases: Iterable[Release], images: Mapping[str, str]) -> list[Manifest]:
    """Return every manifest of the releases. Raises SettingsError for one that is not what was pinned."""
    found = []
    for release in releases:
        for file in release.manifests:
            text = _verified(file)
            # The longest first: some names begin others.
            for name, image in sorted(images.items(), reverse=True):
                text = text.replace(name, image)
            documents = [document for document in _documents(text) if document]
            for manifest in documents:
                _check_release(manifest, release.version, file.source)
            found += documents
    return found


def _verified(file: File) -> str:
    try:
        content = _fetch(file.source) if file.source.startswith("https://") else Path(file.source).expanduser().read_bytes()
    except (OSError, urllib.error.URLError) as error:
        raise SettingsError(f"{file.source} cannot be read: {error}") from error
    checksum = hashlib.sha256(content).hexdigest()
    if checksum != file.sha256:
        raise SettingsError(
            f"{file.source} has the checksum {checksum}, and {file.sha256} is pinned. Compare it with what its publisher "
            f"announces; if the change is wanted, pin the new one in the stack's `{PREFIX}:` settings"
        )
    return content.decode()


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - https only, and compared with its checksum
        content: bytes = answer.read()
    return content


def _documents(text: str) -> Iterable[Manifest]:
    """Return the manifests of a YAML stream, or of a JSON list, which is read in a fraction of the time."""
    if text.startswith("["):
        listed: list[Manifest] = json.loads(text)
        return listed
    return yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _check_release(manifest: Manifest, version: str, source: str) -> None:
    stated = {(manifest["metadata"].get("labels") or {}).get(label) for label in RELEASE_LABELS} - {None, "devel"}
    if stated - {version}:
        raise SettingsError(f"{source} is of {', '.join(sorted(map(str, stated)))}, and the settings say {version}")
