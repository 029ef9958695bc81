"""Random values, from the operating system's generator, under the constraints that the inputs state."""

import base64
import secrets
import string
from typing import Any

import bcrypt

from local.plugins.server import RefusalError

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
# bcrypt reads no further; the official plugin cuts here too.
_BCRYPT_BYTES = 72
_CLASSES = (
    ("upper", "minUpper", string.ascii_uppercase),
    ("lower", "minLower", string.ascii_lowercase),
    ("numeric", "minNumeric", string.digits),
    ("special", "minSpecial", _SPECIAL),
)


def text(inputs: dict[str, Any]) -> dict[str, Any]:
    """A RandomPassword's or RandomString's outputs: at least the wanted number of each class, in random order."""
    settings = {"upper": True, "lower": True, "numeric": inputs.get("number", True), "special": True, **inputs}
    length = _count(inputs, "length", least=1)
    alphabet, required = "", ""
    for flag, minimum, characters in _CLASSES:
        if flag == "special":
            characters = settings.get("overrideSpecial") or characters
        wanted = _count({minimum: 0, **inputs}, minimum, least=0)
        if settings[flag]:
            alphabet += characters
        # As in the official plugin: a minimum counts even where the class is switched off.
        required += "".join(secrets.choice(characters) for _ in range(wanted))
    if len(required) > length:
        raise RefusalError(f"length is {length}, but the minimums add up to {len(required)}")
    if not alphabet and len(required) < length:
        raise RefusalError("upper, lower, numeric and special are all false: there is nothing to choose from")
    chosen = list(required) + [secrets.choice(alphabet) for _ in range(length - len(required))]
    secrets.SystemRandom().shuffle(chosen)
    minimums = {minimum: _count({minimum: 0, **inputs}, minimum, least=0) for _, minimum, _ in _CLASSES}
    flags = {flag: bool(settings[flag]) for flag, _, _ in _CLASSES}
    return {**inputs, **flags, **minimums, "number": flags["numeric"], "result": "".join(chosen)}


def password(inputs: dict[str, Any]) -> dict[str, Any]:
    """A RandomPassword's outputs: the text and its bcrypt hash."""
    outputs = text(inputs)
    hashed = bcrypt.hashpw(outputs["result"].encode()[:_BCRYPT_BYTES], bcrypt.gensalt(10))
    return {**outputs, "bcryptHash": hashed.decode()}


def identifier(inputs: dict[str, Any]) -> dict[str, Any]:
    """A RandomId's outputs: the same random number in several notations, each after the prefix."""
    raw = secrets.token_bytes(_count(inputs, "byteLength", least=1))
    prefix = inputs.get("prefix", "")
    return {
        **inputs,
        "b64Std": prefix + base64.b64encode(raw).decode(),
        "b64Url": prefix + _url(raw),
        "hex": prefix + raw.hex(),
        "dec": prefix + str(int.from_bytes(raw)),
        "id": _url(raw),
    }


def octets(inputs: dict[str, Any]) -> dict[str, Any]:
    """A RandomBytes' outputs."""
    raw = secrets.token_bytes(_count(inputs, "length", least=1))
    return {**inputs, "base64": base64.b64encode(raw).decode(), "hex": raw.hex()}


def _count(inputs: dict[str, Any], name: str, least: int) -> int:
    value = inputs.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RefusalError(f"{name} is {value!r}; allowed is a whole number from {least} on")
    return value


def _url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
