"""What settings say of Secrets that are on the cluster already. Each mistake is one line, as in `checks`."""

from collections.abc import Callable, Iterator, Mapping

from components.settings.errors import Location, contradiction, path
from components.settings.names import is_own
from components.settings.registry import User
from components.settings.settings import Settings
from components.settings.sources import SecretSource, knows
from components.settings.types import Source
from components.settings.user_checks import told

# Who reads a Secret beside pull-request code, and everybody else.
_FETCH, _BUILD, _CODE, _TRUSTED = "the step that fetches", "the step that builds", "pull-request code", ""


def secret_inconsistencies(settings: Settings) -> Iterator[str]:
    """Yield a line for each Secret that is this program's own, has too much in it, or has not all that it has to."""
    first: dict[str, tuple[str, str]] = {}
    for place, name, reader in _named(settings):
        where: Location = (*place, "secret", "name")
        if is_own(name, settings):
            problem = "is a Secret that this program declares itself; give the one that is there already another name"
            yield contradiction(where, name, problem)
        other, before = first.setdefault(name, (path(place), reader))
        if before != reader:
            untrusted = reader or before
            problem = f"is also that of {other}, and {untrusted} is to read nothing else; give each a Secret of its own"
            yield contradiction(where, name, problem)
    for logins in _in_one_file(settings):
        yield from _divided(logins)


def shared_contents(settings: Settings, text: Callable[[Source], str] | None = None) -> Iterator[str]:
    """Yield a line for each credential beside pull-request code that opens what only trusted steps are to open.

    Whoever takes it there knows or guesses the name that goes with it, and tries it at every host. With `text` two sources
    of one content are the same; without, only a source that is named twice. No content is repeated.
    """
    known = [
        (place, source, reader, text(source) if text else f"{source.file}, {source.config}")
        for place, source, reader in _known(settings)
    ]
    trusted: dict[str, str] = {}
    for place, _, reader, content in known:
        if reader == _TRUSTED:
            trusted.setdefault(content, path(place))
    for place, source, reader, content in known:
        if reader != _TRUSTED and content in trusted:
            key, name = ("file", source.file) if source.file else ("config", source.config or "")
            problem = (
                f"holds the same as `{trusted[content]}`, and pull-request code could use that; give each one of its own"
            )
            yield contradiction((*place, key), name, problem)


def _known(settings: Settings) -> Iterator[tuple[Location, Source, str]]:
    """Yield what the stack itself knows, but for users that read: theirs is in the same registry, or the same quarantine."""
    for place, source, reader in _sources(settings):
        if source and knows(source):
            yield place, source, reader
    for place, user, reader in _users(settings):
        reads = place[-1] == "read" and reader == _TRUSTED
        if user and user.password and not reads:
            yield (*place, "password"), user.password, reader


def _named(settings: Settings) -> Iterator[tuple[Location, str, str]]:
    """Yield the place of each Secret that is on the cluster already, its name, and who reads it beside pull-request code."""
    for place, source, reader in _sources(settings):
        if source and source.secret:
            yield place, source.secret.name, reader
    for place, user, reader in _users(settings):
        if user and user.secret:
            yield place, user.secret.name, reader


def _sources(settings: Settings) -> Iterator[tuple[Location, SecretSource | None, str]]:
    forge, mark = settings.forge, settings.mark
    if forge.ssh:
        yield ("forge", "ssh", "privateKey"), forge.ssh.private_key, _FETCH
        yield ("forge", "ssh", "knownHosts"), forge.ssh.known_hosts, _FETCH
        for name, key in forge.ssh.deploy_keys.items():
            yield ("forge", "ssh", "deployKeys", name), key, _FETCH
    if forge.https:
        yield ("forge", "https", "token"), forge.https.token, _FETCH
        for name, token in forge.https.tokens.items():
            yield ("forge", "https", "tokens", name), token, _FETCH
    yield ("forge", "token"), forge.token, _TRUSTED
    if forge.app:
        yield ("forge", "app", "privateKey"), forge.app.private_key, _TRUSTED
    if forge.ok_to_test:
        yield ("forge", "okToTest", "token"), forge.ok_to_test.token, _TRUSTED
    yield ("mark", "privateKey"), mark.private_key, _TRUSTED
    yield ("mark", "password"), mark.password, _TRUSTED
    for index, environment in enumerate(settings.environments):
        yield ("environments", index, "mark", "privateKey"), environment.mark.private_key, _TRUSTED
        yield ("environments", index, "mark", "password"), environment.mark.password, _TRUSTED
    for index, application in enumerate(settings.applications):
        for name, secret in application.build_secrets.items():
            yield ("applications", index, "buildSecrets", name), secret, _CODE


def _users(settings: Settings) -> Iterator[tuple[Location, User | None, str]]:
    registry, build = settings.registry, settings.build
    for role in ("read", "write", "delete"):
        yield ("registry", role), getattr(registry, role), _TRUSTED
    if settings.source_registry:
        yield ("sourceRegistry", "read"), settings.source_registry.read, _TRUSTED
    if build:
        yield ("build", "quarantine", "read"), build.quarantine.read, _TRUSTED
        yield ("build", "quarantine", "delete"), build.quarantine.delete, _TRUSTED
        yield ("build", "quarantine", "write"), build.quarantine.write, _BUILD
        for name, there in build.base_images.items():
            yield ("build", "baseImages", name, "read"), there.read, _BUILD
    for index, application in enumerate(settings.applications):
        yield ("applications", index, "quarantine"), application.quarantine, _BUILD


def _in_one_file(settings: Settings) -> Iterator[Mapping[Location, User | None]]:
    """Yield the users that a step needs at once: what it looks into is one file, and so one Secret."""
    if (build := settings.build) is None:
        return
    registry, quarantine = settings.registry, build.quarantine
    yield {("registry", "write"): registry.write, ("build", "quarantine", "read"): quarantine.read}
    yield {("registry", "delete"): registry.delete, ("build", "quarantine", "delete"): quarantine.delete}
    bases: dict[Location, User | None] = {
        ("build", "baseImages", name, "read"): there.read for name, there in build.base_images.items()
    }
    yield bases | {("build", "quarantine", "write"): quarantine.write}
    for index, application in enumerate(settings.applications):
        if application.quarantine:
            yield bases | {("applications", index, "quarantine"): application.quarantine}


def _divided(logins: Mapping[Location, User | None]) -> Iterator[str]:
    there = [(place, user) for place, user in logins.items() if user]
    for place, user in there[1:]:
        before, other = there[0]
        if (user.secret or other.secret) and user.secret != other.secret:
            where, shown, _ = told(place, user)
            problem = f"is used in one file with `{path(before)}`; name one Secret with both logins for both"
            yield contradiction(where, shown, problem)
