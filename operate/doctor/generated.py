"""The values that Pulumi made itself (random passwords): only a stack's state has them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from components.conventions import Manifest
from components.credential import LOG_MASKS_KEY
from components.settings.errors import SettingsError
from offline.needs.read import needs as read_needs
from offline.needs.read import read_file
from offline.needs.values import Needs
from operate.errors import OperateError

# What stands for one that is not known (offline/run.py).
_STANDS = "result-of-"


def read(needs: Needs, told: Callable[[str], Mapping[str, str]]) -> tuple[Needs, str]:
    """Return what is needed with the values that the state has, and why not where it has none. `told` reads the state."""
    try:
        found = told(needs.stack)
        again = read_needs(needs.stack, needs.configuration, needs.secret, read_file, found)
    except (OperateError, SettingsError) as error:
        return needs, str(error)
    return replace(needs, objects=again.objects), "Pulumi's state has no value for it"


def unknown_keys(secret: Manifest) -> list[str]:
    """Return the keys of a Secret whose values hang on one that is not known: the fingerprints' key is one."""
    return [
        key
        for key, text in (secret.get("stringData") or {}).items()
        if str(text).startswith(_STANDS) or (key == LOG_MASKS_KEY and f'"key":"{_STANDS}' in str(text))
    ]
