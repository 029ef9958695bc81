"""Applications in files of their own, which a team may own: what they hold, and what of the rest they may name.

Whoever writes such a file does not write the stack file. It names nothing of the project that lies outside of its own
folder, and no secret of the stack that was not given to it.
"""

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from components.settings import types as form
from components.settings.application import Application
from components.settings.errors import contradiction, describe
from components.settings.origins import Location, Written, origin, written
from components.settings.sources import DockerConfig, SecretKey
from components.settings.types import Model, Source

LARGEST = 256 * 1024
# With what aliases repeat, each time.
MOST = 50_000


class ApplicationsFile(Model):
    """Applications in a file of their own: one, or a list of them."""

    file: form.ProjectFile = Field(
        description="path of the file, relative to the project, in a folder; what it names by `file` lies there too",
        examples=["teams/payments/applications.yaml"],
    )
    repositories: list[form.RepositoryPattern] = Field(
        min_length=1,
        description="the repositories that it may name, `*` for any part of a name (`*/*` for all): each is fetched with "
        "what the stack has for it, and its pull requests are built",
        examples=[["acme/payments-*"]],
    )
    config: list[form.ConfigName] = Field(
        default_factory=list,
        description="the secrets of `pulumi config set --secret` that it may name; default none",
        examples=[["paymentsNpmToken"]],
    )
    secrets: list[form.ObjectName] = Field(
        default_factory=list,
        description="the Secrets of the delivery namespace that it may name, for builds of its applications; default none",
        examples=[["payments-npm"]],
    )


class _Entries(Model):
    applications: list[ApplicationsFile]


Files = Mapping[str, ApplicationsFile]


def with_files(raw: dict[str, Any], origins: dict[Location, Written], files: dict[str, ApplicationsFile]) -> Iterator[str]:
    """Put applications in the place of the files that hold them. Yields a line for each that cannot be."""
    items = raw.get("applications")
    if not isinstance(items, list) or not any(map(_names_a_file, items)):
        return
    found: list[Any] = []
    for number, item in enumerate(items):
        place: Location = ("applications", number)
        if not _names_a_file(item):
            origins[("applications", len(found))] = Written(place)
            found.append(item)
            continue
        try:
            entry = _entry(item)
        except ValidationError as error:
            with written({("applications", 0): Written(place)}):
                yield from describe(error, _Entries)
            continue
        if entry.file in files:
            yield contradiction((*place, "file"), entry.file, "stands there twice; remove one of the two")
            continue
        files[entry.file] = entry
        try:
            held = _held(Path(entry.file))
        except (OSError, ValueError) as error:
            reason = (
                error.strerror
                if isinstance(error, OSError)
                else "it is no text"
                if isinstance(error, UnicodeError)
                else error
            )
            yield contradiction((*place, "file"), item["file"], f"{reason}; mend the file, or remove the entry")
            continue
        several = isinstance(held, list)
        for index, application in enumerate(held if several else [held]):
            origins[("applications", len(found))] = Written((index,) if several else (), entry.file)
            found.append(application)
    raw["applications"] = found


def beyond(
    location: Location, source: Source | SecretKey | DockerConfig, origins: Mapping[Location, Written], files: Files
) -> str | None:
    """Return what is wrong with a source that a file of applications names and may not; None if it may."""
    at = origin(location, origins)
    if at.file is None:
        return None
    if not isinstance(source, Source):
        if source.name in files[at.file].secrets:
            return None
        problem = "is no Secret that the stack file gives to this file: see `secrets` beside `file`"
        return contradiction((*location, "name"), source.name, problem)
    if source.config:
        if source.config in files[at.file].config:
            return None
        problem = "is no secret that the stack file gives to this file: see `config` beside `file`"
        return contradiction((*location, "config"), source.config, problem)
    named, folder = Path(source.file or ""), Path(at.file).parent
    if ".." not in named.parts and named.is_relative_to(folder) and _is_itself(named):
        return None
    problem = f"lies outside of {folder}/, where everything lies that this file names, or behind a link"
    return contradiction((*location, "file"), source.file or "", problem)


def other_repositories(applications: list[Application], origins: Mapping[Location, Written], files: Files) -> Iterator[str]:
    """Yield a line for each application whose repository is not for the file that it stands in."""
    for number, application in enumerate(applications):
        place: Location = ("applications", number)
        file = origin(place, origins).file
        allowed = files[file].repositories if file else ["*"]
        if not any(fnmatchcase(application.repository.lower(), each.lower()) for each in allowed):
            problem = f"the stack file lets this file name {', '.join(allowed)} (`repositories` beside `file`)"
            yield contradiction((*place, "repository"), application.repository, problem)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return str(error.strerror)
    return "is no text" if isinstance(error, UnicodeError) else str(error)


def _names_a_file(item: Any) -> bool:
    return isinstance(item, dict) and "file" in item


def _entry(item: dict[str, Any]) -> ApplicationsFile:
    return _Entries.model_validate({"applications": [item]}).applications[0]


def _is_itself(file: Path) -> bool:
    """Return whether no part of a path of the project is a link."""
    root = Path().resolve()
    return (root / file).resolve() == root / file


def _held(file: Path) -> Any:
    """Return what a file holds, as the engine would hand it over."""
    if not _is_itself(file):
        raise ValueError("leads through a link")
    if not file.is_file():
        raise ValueError("is no file" if file.exists() else "there is no such file")
    if file.stat().st_size > LARGEST:
        raise ValueError(f"is larger than {LARGEST // 1024} KiB")
    try:
        loader = yaml.SafeLoader(file.read_text())
        node = loader.get_single_node()
        if node is None:
            raise ValueError("is empty")
        if _nodes(node, {}) > MOST:
            raise ValueError("holds too much")
        return json.loads(json.dumps(loader.construct_document(node), default=str))
    except yaml.YAMLError as error:
        raise ValueError(f"is no YAML: {' '.join(str(error).split())}") from None
    except (TypeError, RecursionError):
        raise ValueError("holds what is no mapping, list or text, or nests it too deeply") from None


def _nodes(node: yaml.Node, known: dict[int, int]) -> int:
    """Count what a document holds once its aliases are followed. One that holds itself is refused."""
    if id(node) not in known:
        known[id(node)] = MOST + 1
        below = node.value if isinstance(node.value, list) else []
        known[id(node)] = 1 + sum(
            _nodes(each, known) for item in below for each in (item if isinstance(item, tuple) else (item,))
        )
    return known[id(node)]
