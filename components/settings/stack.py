"""A stack's configuration as the program uses it: read, checked, its sources resolved. Only this reads `pulumi.Config`."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG
from pydantic import BaseModel, ValidationError

from components.credential import KeyOfSecret
from components.settings.checks import inconsistencies
from components.settings.complete import Completed, completed
from components.settings.container_checks import container_inconsistencies
from components.settings.contents import wrong_contents
from components.settings.errors import PREFIX, Location, describe, path, refusal, unknown
from components.settings.existing_checks import existing_inconsistencies
from components.settings.files import beyond, other_repositories
from components.settings.mark_checks import mark_inconsistencies
from components.settings.neighbours import Neighbours, neighbours
from components.settings.origins import Origins, written
from components.settings.promotion_checks import promotion_inconsistencies
from components.settings.secret_checks import secret_inconsistencies, shared_contents
from components.settings.settings import Settings
from components.settings.sources import DockerConfig, SecretKey, SecretSource
from components.settings.types import IMAGE_BY_DIGEST, Source
from components.settings.user_checks import user_inconsistencies
from components.settings.variables import variables
from components.settings.workload_checks import workload_inconsistencies

Reader = Callable[[str], str]


class Stack:
    """The loaded settings, with their sources resolved to texts and secrets."""

    def __init__(
        self, settings: Settings, texts: Mapping[Source, str], elsewhere: Neighbours, origins: Origins | None = None
    ) -> None:
        self.settings = settings
        self.elsewhere = elsewhere
        self._origins = origins or {}
        self._texts = texts

    @classmethod
    def load(cls, read: Reader | None = None) -> "Stack":
        """Load the current stack's configuration. Raises SettingsError with every mistake found.

        `read` returns a file's text by its path as it stands in the settings; by default the project's own files.
        """
        config = pulumi.Config()
        known = [field.alias or name for name, field in Settings.model_fields.items()]
        made = completed({name: value for name in known if (value := _parsed(config.get(name))) is not None})
        with written(made.origins):
            return cls._checked(made, [*_unknown_keys(known, made), *made.mistakes], config, read)

    @classmethod
    def _checked(cls, made: Completed, mistakes: list[str], config: pulumi.Config, read: Reader | None) -> "Stack":
        try:
            settings = Settings.model_validate(made.raw)
        except ValidationError as error:
            raise refusal(pulumi.get_stack(), [*mistakes, *describe(error, Settings)]) from None
        texts: dict[Source, str] = {}
        for location, source in _sources(settings, ()):
            if problem := beyond(location, source, made.origins, made.files):
                mistakes.append(problem)
                continue
            if not isinstance(source, Source):
                continue
            try:
                texts[source] = _content(source, config, read or _read_file)
            except (OSError, ValueError, LookupError) as error:
                mistakes.append(_unusable(location, source, error))
        mistakes += other_repositories(settings.applications, made.origins, made.files)
        mistakes += inconsistencies(settings)
        elsewhere = neighbours(Path())
        mistakes += promotion_inconsistencies(settings, elsewhere)
        mistakes += secret_inconsistencies(settings)
        mistakes += mark_inconsistencies(settings)
        mistakes += user_inconsistencies(settings)
        mistakes += workload_inconsistencies(settings)
        mistakes += container_inconsistencies(settings)
        mistakes += existing_inconsistencies(settings)
        stack = cls(settings, texts, elsewhere, made.origins)
        if not mistakes:
            mistakes += _images_without_digest(stack)
            mistakes += variables(settings, stack.text)
        if not mistakes and read is None:  # where somebody else reads, the contents stand for others
            mistakes += wrong_contents(settings, stack.text)
            mistakes += mark_inconsistencies(settings, stack.text)
            mistakes += user_inconsistencies(settings, stack.text)
        if not mistakes:
            mistakes += shared_contents(settings, stack.text if read is None else None)
        if mistakes:
            raise refusal(pulumi.get_stack(), mistakes)
        return stack

    def refuse(self, mistakes: Iterator[str]) -> None:
        """Raise SettingsError if there are more mistakes; they name places as somebody wrote them."""
        with written(self._origins):
            lines = list(mistakes)
        if lines:
            raise refusal(pulumi.get_stack(), lines)

    def named(self) -> Iterator[tuple[Location, SecretKey | DockerConfig]]:
        """Yield each Secret of the cluster that is named, with its place."""
        for place, source in _sources(self.settings, ()):
            if not isinstance(source, Source):
                yield place, source

    def text(self, value: str | Source) -> str:
        """Return a value that is no secret."""
        return value if isinstance(value, str) else self._texts[value].strip()

    def held(self, source: SecretSource, *, lines: bool = False) -> pulumi.Output[str] | KeyOfSecret:
        """Return what steps find: a secret, in `lines` where it is a key, or where on the cluster it is."""
        if source.secret:
            return KeyOfSecret(secret=source.secret.name, key=source.secret.key)
        return self.lines(source) if lines else self.secret(source)

    def secret(self, source: Source) -> pulumi.Output[str]:
        """Return a value that stays secret in state, logs and outputs."""
        return pulumi.Output.secret(self._texts[source])

    def lines(self, source: Source) -> pulumi.Output[str]:
        """Return a secret of lines, a key's, each of them ended as ssh wants it: `pulumi config set` drops the last end."""
        return pulumi.Output.secret("".join(f"{line}\n" for line in self._texts[source].strip().splitlines()))

    @property
    def tools_image(self) -> str:
        """The tools image, by digest."""
        return self.text(self.settings.tools_image)


def _images_without_digest(stack: Stack) -> Iterator[str]:
    """Yield a line for each image whose name can come to mean another one."""
    images: list[tuple[Location, str, str]] = [(("toolsImage",), stack.tools_image, f"{PREFIX}:toolsImage: tools")]
    if stack.settings.build:
        images.append((("build", "builderImage"), stack.text(stack.settings.build.builder_image), "builderImage: builder"))
    for index, application in enumerate(stack.settings.applications):
        for name, service in application.services.items():
            place: Location = ("applications", index, "services", name, "image")
            images.append((place, stack.text(service.image), f"image: {name}"))
        if application.tested.image:
            images.append((("applications", index, "tests", "image"), stack.text(application.tested.image), "image: node"))
    for place, image, line in images:
        if not IMAGE_BY_DIGEST.fullmatch(image):
            key, _, example = line.rpartition(" ")
            yield (
                f"{path(place)} = {json.dumps(image[:200])}: must be named by its digest, e.g. "
                f"`{key} registry.example/{example}@sha256:<64 hex digits>` (a tag can be moved)"
            )


def _parsed(text: str | None) -> Any:
    """Return a key's value. The engine hands objects over as JSON, and an empty key as an empty text or `null`."""
    if text is None or text in ("", "null"):
        return None
    try:
        return json.loads(text) if text.lstrip().startswith(("{", "[")) else text
    except ValueError:
        return text


def _unknown_keys(known: list[str], made: Completed) -> Iterator[str]:
    """Yield a line for each key of the project that is neither a setting nor named by, or for, a `config` source."""
    named = {*_config_keys(made.raw), *(name for file in made.files.values() for name in file.config)}
    for key in CONFIG.get():
        namespace, _, name = key.partition(":")
        if namespace == PREFIX and name not in known and name not in named:
            yield unknown((name,), known)


def _config_keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("config"), str):
            yield value["config"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _config_keys(item)


def _sources(value: Any, location: Location) -> Iterator[tuple[Location, Source | SecretKey | DockerConfig]]:
    """Yield every source in the settings, and every Secret of the cluster, with its place."""
    if isinstance(value, SecretSource) and value.secret:
        yield (*location, "secret"), value.secret
    elif isinstance(value, Source | DockerConfig):
        yield location, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _sources(getattr(value, name), (*location, field.alias or name))
    elif isinstance(value, list | dict):
        for part, item in enumerate(value) if isinstance(value, list) else value.items():
            yield from _sources(item, (*location, part))


def _content(source: Source, config: pulumi.Config, read: Reader) -> str:
    text = read(source.file) if source.file else config.get(source.config or "")
    if text is None:
        raise LookupError("no such key")
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _unusable(location: Location, source: Source, error: Exception) -> str:
    place = f"{path(location)}.{'file' if source.file else 'config'} = {json.dumps(source.file or source.config)}"
    if source.config:
        return f"{place}: {error}; set it with `pulumi config set --secret {source.config}`"
    reason = error.strerror if isinstance(error, OSError) else "it is no text" if isinstance(error, UnicodeError) else error
    return f"{place}: {reason}; make the file (`make up` makes those of the embedded cluster) or name another source"


def _read_file(path: str) -> str:
    return Path(path).expanduser().read_text()
