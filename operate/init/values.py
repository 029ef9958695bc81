"""What the sources of a stack hold: made here, or asked for; each only where it is missing."""

import argparse
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from operate.errors import OperateError
from operate.init import host_keys, keys
from operate.init import stack_file as names
from operate.init.questions import Ask, Question, answers
from operate.init.registered import Forge

# What only people know, by what they are asked.
ASKED = {
    names.TOKEN: Question("$STATUS_TOKEN", "token that sets commit statuses; the stack keeps it"),
    names.REGISTRY: Question("$REGISTRY_PASSWORD", "password of the registry's user"),
    names.QUARANTINE: Question("$QUARANTINE_PASSWORD", "password of the quarantine's user"),
}
MARK = (names.MARK_KEY, names.MARK_PASSWORD, names.MARK_PUBLIC)


def missing(
    wanted: Collection[str],
    given: argparse.Namespace,
    forge: Forge,
    ssh_url: str,
    ask: tuple[Ask | None, Ask],
    known: Mapping[str, str],
) -> dict[str, str]:
    """Return a value for each of these names. `known` has answers that were given already, by flag or variable."""
    asked = [ASKED[name] for name in wanted if name in ASKED and ASKED[name].by not in known]
    said = {**known, **answers(asked, *ask)}
    made: dict[str, Callable[[], str]] = {
        names.HOST_KEYS: lambda: _host_keys(given, forge, ssh_url, ask[0]),
        names.APP_KEY: lambda: app_key(given.app_key),
    }
    found = {name: said[ASKED[name].by] for name in wanted if name in ASKED}
    found |= {name: make() for name, make in made.items() if name in wanted}
    found |= {name: keys.deploy_key() for name in wanted if name.startswith(names.DEPLOY_KEY)}
    return found | marks(wanted)


def marks(wanted: Collection[str]) -> dict[str, str]:
    """Return a new key pair, as far as it is wanted: a part of it goes with no other one."""
    if not set(MARK) & set(wanted):
        return {}
    made = keys.mark()
    return {names.MARK_KEY: made.private, names.MARK_PASSWORD: made.password, names.MARK_PUBLIC: made.public}


def _host_keys(given: argparse.Namespace, forge: Forge, ssh_url: str, ask: Ask | None) -> str:
    if given.host_keys:
        return _file("--host-keys", given.host_keys)
    told = [] if given.host_key else forge.host_keys()
    return host_keys.known_hosts(ssh_url, told or host_keys.scanned(ssh_url, given.host_key, ask))


def app_key(file: Path | None) -> str:
    """Return an App's private key. Raises OperateError, without anything of it."""
    if file is None:
        raise OperateError("missing: --app-key (a private key of the GitHub App)")
    return _file("--app-key", file)


def _file(flag: str, path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeError) as error:
        raise OperateError(f"{flag} {path}: {error.strerror if isinstance(error, OSError) else 'it is no text'}") from None
