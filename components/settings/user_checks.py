"""Who may write where: users of registries are told apart by name and password, since some registries have one name for all.

Amazon ECR calls each `AWS`, Artifact Registry `oauth2accesstoken` or `_json_key`; what one may do is in its password.
"""

from collections.abc import Callable, Iterator

from components.settings.build import Build
from components.settings.errors import Location, contradiction, path
from components.settings.registry import ReadRegistry, Registry, User
from components.settings.settings import Settings
from components.settings.types import Source

Text = Callable[[Source], str]


def user_inconsistencies(settings: Settings, text: Text | None = None) -> Iterator[str]:
    """Yield a line for each user that is one and the same where trust rests on a difference.

    With `text` two sources of one content are the same password. What a Secret of the cluster holds is not known here:
    it is the same only as itself.
    """
    if settings.build:
        yield from _writers(settings.build, settings.registry, text)
        yield from _quarantine_users(settings, settings.build, text)
        yield from _base_images(settings.build, settings.registry, text)


def told(place: Location, user: User) -> tuple[Location, str, str]:
    """Return the place of what names a user, what it says, and what else tells it from others."""
    if user.secret:
        return (*place, "secret", "name"), user.secret.name, ""
    return (*place, "username"), user.username or "", "with this password "


def same(one: User | None, other: User | None, text: Text | None) -> bool:
    """Return whether two users are one."""
    if one is None or other is None:
        return False
    if one.password is None or other.password is None:
        return one == other
    passwords = one.password == other.password or (text is not None and text(one.password) == text(other.password))
    return one.username == other.username and passwords


def _writers(build: Build, registry: Registry, text: Text | None) -> Iterator[str]:
    """Pods with pull-request code hold the quarantine's credential, so it must not open the applications' repository."""
    quarantine = build.quarantine
    shared = quarantine.host == registry.host and quarantine.image("") != registry.image("")
    if shared and quarantine.write and same(quarantine.write, registry.write, text):
        place, shown, also = told(("build", "quarantine", "write"), quarantine.write)
        problem = f"{also}also writes to `registry`, and pull-request code would hold it; name a user of its own"
        yield contradiction(place, shown, problem)


def _quarantine_users(settings: Settings, build: Build, text: Text | None) -> Iterator[str]:
    """A user of an application's own is one that no other application has, and that writes nowhere else."""
    taken: list[tuple[User, str]] = []
    if build.quarantine.write:
        which = f"`{path(('build', 'quarantine', 'write'))}`, which other applications use"
        taken.append((build.quarantine.write, which))
    if settings.registry.write and settings.registry.host == build.quarantine.host:
        which = f"`{path(('registry', 'write'))}`, and pull-request code would hold it"
        taken.append((settings.registry.write, which))
    for index, application in enumerate(settings.applications):
        user = application.quarantine
        if user is None:
            continue
        whose = next((which for other, which in taken if same(user, other, text)), None)
        if whose:
            place, shown, also = told(("applications", index, "quarantine"), user)
            yield contradiction(place, shown, f"{also}is also that of {whose}; name a user of its own")
        taken.append((user, f"`{path(('applications', index, 'quarantine'))}`"))


def _base_images(build: Build, registry: Registry, text: Text | None) -> Iterator[str]:
    """Pull-request code can take what reads base images."""
    first: dict[str, tuple[str, ReadRegistry]] = {}
    for name, there in build.base_images.items():
        other, before = first.setdefault(there.host, (name, there))
        if there.read is None:
            continue
        place, shown, also = told(("build", "baseImages", name, "read"), there.read)
        writes = any(same(there.read, user, text) for user in (registry.write, registry.delete))
        if there.host == registry.host and writes:
            problem = (
                f"{also}also writes to `registry`, and pull-request code can take it; name a user that reads there, and "
                "nothing but base images"
            )
            yield contradiction(place, shown, problem)
        if before.read and not same(there.read, before.read, text):
            yield contradiction(place, shown, f"is another one for {other}, and a host has one user; name the same")
