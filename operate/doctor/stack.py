"""A stack's settings as `pulumi up` reads them: from its file, and secrets from Pulumi's CLI where there are any."""

import json
from pathlib import Path
from typing import Any

from components.settings.errors import SettingsError
from offline.needs.read import needs, read_file
from offline.needs.values import UNREAD, Needs
from offline.run import ROOT, stack_config
from operate.declared import pulumi
from operate.doctor.rows import Row, fine, unknown, wrong
from operate.errors import OperateError


def load(stack: str, file: str | None) -> tuple[Needs | None, list[Row]]:
    """Return what a stack needs, None where its settings cannot be used, and what there is to say of them."""
    path = Path(file) if file else ROOT / f"Pulumi.{stack}.yaml"
    try:
        config = stack_config(path)
    except SettingsError as error:
        return None, [wrong("the stack's settings", str(error), "the stack's name, or `--config-file`")]
    config, secrets, row = _revealed(stack, file, config)
    found = [row] if row else []
    try:
        if UNREAD not in config.values():
            return needs(stack, config, secrets), [*found, fine("the stack's settings", path.name)]
    except SettingsError as error:
        found += _mistakes(error, path.name)
    # Once more, with what cannot be read as unread: the rest can be looked at all the same.
    try:
        return needs(stack, config, secrets, read_file), found
    except SettingsError as error:
        if not any(each.state == "wrong" for each in found):
            found += _mistakes(error, path.name)
        return None, found


def _mistakes(error: SettingsError, file: str) -> list[Row]:
    """Return an error's mistakes, without its headline; most of them say what mends them."""
    told = str(error).splitlines()
    found = []
    for line in [line.strip() for line in told[1:]] or told:
        place, _, said = line.partition(": ")
        said, _, mend = said.partition("; ")
        found.append(wrong(place, said, mend or f"{place.partition(' = ')[0]} in {file}"))
    return found


def _revealed(stack: str, file: str | None, config: dict[str, str]) -> tuple[dict[str, str], tuple[str, ...], Row | None]:
    """Return the configuration with its secrets, which of it is secret, and what there is to say about that."""
    encrypted = [name for name, text in config.items() if _is_encrypted(text)]
    if not encrypted:
        return config, (), None
    what = "the stack's secrets"
    named = ("--config-file", file) if file else ()
    try:
        told: dict[str, Any] = _json(pulumi("config", "--stack", stack, *named, "--show-secrets", "--json"))
    except OperateError as error:
        unread = dict.fromkeys(encrypted, UNREAD)
        return config | unread, (), unknown(what, f"what hangs on {', '.join(encrypted)} is not looked at: {error}")
    secret = tuple(name for name, entry in told.items() if entry.get("secret"))
    return (
        {name: str(entry["value"]) for name, entry in told.items()},
        secret,
        fine(what, f"{len(secret)} are read by Pulumi"),
    )


def _json(text: str) -> dict[str, Any]:
    """Return the configuration that Pulumi told. Raises OperateError."""
    try:
        found = json.loads(text)
        values = {name: entry for name, entry in found.items() if "value" in entry}
    except (ValueError, AttributeError, TypeError):
        raise OperateError("`pulumi config` tells no JSON: is the `pulumi` on PATH Pulumi's CLI?") from None
    return values


def _is_encrypted(text: str) -> bool:
    """Whether a value is, or holds, what Pulumi encrypts: `{"secure": …}`."""
    try:
        return _holds(json.loads(text))
    except ValueError:
        return False


def _holds(value: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() == {"secure"} or any(map(_holds, value.values()))
    return isinstance(value, list) and any(map(_holds, value))
