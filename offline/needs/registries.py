"""What users of registries need, and must not have; which images have to be there."""

from collections.abc import Iterable, Sequence

from components.settings.registry import ReadRegistry, User
from components.settings.settings import Settings
from components.settings.sources import knows
from components.settings.stack import Stack
from components.settings.types import Source
from offline.needs.values import DELETE, EVERYTHING, PULL, PUSH, UNREAD, Image, Login, Right

# Where Docker Hub answers, which is called otherwise in the names of images.
_DOCKER_HUB = "https://registry-1.docker.io"


class Reader:
    """The values of secrets, where they could be read."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def text(self, source: Source | None) -> str | None:
        """Return a value, None where there is none, or it could not be read: not from here, or it lies on the cluster."""
        text = self._stack.text(source) if source and knows(source) else None
        return None if text == UNREAD else text

    def login(self, setting: str, user: User | None) -> Login | None:
        """Return a user of a registry; `setting` is where it stands."""
        return Login(setting, user.username or "", self.text(user.password)) if user else None


def rights(reader: Reader, settings: Settings) -> Iterable[Right]:
    """Yield what each user needs and must not have. Where quarantine is on the same host, one login is used for both."""
    names = [application.name for application in settings.applications]
    registry, build = settings.registry, settings.build
    quarantine = build.quarantine if build else None
    shared = quarantine is not None and quarantine.host == registry.host
    one = _one(registry.read, registry.write)

    def of(
        setting: str,
        user: User | None,
        there: ReadRegistry,
        ours: Sequence[str],
        never: Sequence[str] = (),
        only: Sequence[str] = names,
    ) -> Iterable[Right]:
        for name in only:
            repository = there.image(name).partition("/")[2]
            yield Right(reader.login(setting, user), there.url, repository, tuple(ours), tuple(never))

    yield from of("registry.read", registry.read, registry, [PULL], [] if one else [PUSH, DELETE])
    if registry.write:
        yield from of("registry.write", registry.write, registry, [PULL, PUSH])
    if registry.delete:
        yield from of("registry.delete", registry.delete, registry, [PULL, DELETE], [PUSH])
    if settings.source_registry:
        yield from of("sourceRegistry.read", settings.source_registry.read, settings.source_registry, [PULL], [PUSH, DELETE])
    if build is None or quarantine is None:
        return
    for name, there in build.base_images.items():
        if there.read:
            url = _DOCKER_HUB if there.host == "docker.io" else there.url
            yield Right(reader.login(f"build.baseImages.{name}.read", there.read), url, "")
    if quarantine.read and not shared:
        never = [] if _one(quarantine.read, quarantine.write) else [PUSH, DELETE]
        yield from of("build.quarantine.read", quarantine.read, quarantine, [PULL], never)
    if quarantine.write:
        yield from of("build.quarantine.write", quarantine.write, quarantine, [PULL, PUSH], [DELETE])
    if quarantine.delete and not shared:
        yield from of("build.quarantine.delete", quarantine.delete, quarantine, [PULL, DELETE], [PUSH])
    for index, application in enumerate(settings.applications):
        if application.quarantine:
            own = f"applications[{index}].quarantine"
            yield from of(own, application.quarantine, quarantine, [PULL, PUSH], [DELETE], [application.name])
            others = [name for name in names if name != application.name]
            yield from of(own, application.quarantine, quarantine, [], EVERYTHING, others)
            if shared:
                yield from of(own, application.quarantine, registry, [], EVERYTHING)
    if shared:
        if quarantine.write:
            yield from of("build.quarantine.write", quarantine.write, registry, [], EVERYTHING)
        yield from of("registry.read", registry.read, quarantine, [], [] if one else EVERYTHING)
        if registry.write:
            yield from of("registry.write", registry.write, quarantine, [PULL], [] if one else [PUSH, DELETE])
        if registry.delete and quarantine.delete:
            yield from of("registry.delete", registry.delete, quarantine, [PULL, DELETE], [PUSH])


def _one(read: User | None, write: User | None) -> bool:
    """Whether a stack file has one user for both: of who pulls, no less can be asked then than of who pushes."""
    return read is not None and write is not None and read.username == write.username


def images(stack: Stack, reader: Reader) -> Iterable[Image]:
    """Yield the images that steps run of this project's own: the nodes pull them with `registry.read`."""
    registry, build = stack.settings.registry, stack.settings.build
    known = {registry.host: (registry.url, reader.login("registry.read", registry.read))}
    named = [("toolsImage", stack.tools_image)]
    if build:
        known.setdefault(build.quarantine.host, (build.quarantine.url, None))
        named.append(("build.builderImage", stack.text(build.builder_image)))
    for setting, reference in named:
        host = reference.partition("/")[0]
        url, login = known.get(host, (f"https://{host}", None))
        yield Image(setting, reference, url, login)
