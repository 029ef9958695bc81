"""Fingerprints of secrets, for the step that quotes what programs printed: by them it hides secrets that it cannot read.

A secret is printed as it is, in part or in another alphabet: each of its lines and words, in JSON, URLs, HTML and base64.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote, quote_plus, unquote

from steps.masks import SHORTEST, beginning, whole

# What a Secret takes is 1 MiB.
_MOST = 15_000
# How long the lines are that `base64` and openssl print.
_WIDTHS = (64, 76)
# In a file of settings the secret is a word, or all that stands behind a sign.
_WORD = re.compile(r"[^\s\"'<>,;=:@]{12,}")
_BEHIND = re.compile(r"[=:]\s*[\"']?(.+?)[\"']?[,;]?$")
_NAMED = re.compile(r"(?:password|passwd|token|secret)\s+(\S+)|>([^<>]+)<", re.IGNORECASE)
_ENCODED = re.compile(r"[A-Za-z0-9+/]{12,}={0,2}")
# What URLs keep as it is: everywhere, in a path, in what browsers and Go's logins write.
_KEPT = ("", "/", "!'()*", "$&+,;=")
_LOGIN = re.compile(r"://[^\s:/@]*:([^\s@/]+)@")


def fingerprints(secrets: Iterable[str], key: str) -> str:
    """Return what `steps.masks.Masks` reads; nothing, by which nothing is quoted, where that is more than a Secret takes."""
    texts: dict[str, list[tuple[int, str]]] = {}
    found = sorted({form for secret in secrets for form in forms(secret)})
    if len(found) > _MOST:
        return ""
    for form in found:
        texts.setdefault(beginning(key, form), []).append((len(form), whole(key, form)))
    return json.dumps({"key": key, "texts": texts}, separators=(",", ":"))


def forms(secret: str) -> Iterator[str]:
    """Yield what a secret may look like in a log's line. What is shorter than SHORTEST is none."""
    plain = set(_parts(secret))
    for part in plain:
        yield from _spellings(part)
        yield from _long(form for shift in range(3) for form in _in_base64(part, shift))
    for text in (secret, secret.strip()):
        whole_text = base64.b64encode(text.encode()).decode()
        for width in _WIDTHS:
            yield from _long(whole_text[start : start + width] for start in range(0, len(whole_text), width))


def _spellings(text: str) -> set[str]:
    """Return a text with its signs as programs write them: in JSON, URLs, forms, HTML, between quotes, as a shell traces."""
    made = {json.dumps(text, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    made |= {found.replace("/", "\\/") for found in made}
    # Go's.
    made |= {re.sub("[&<>]", lambda found: f"\\u{ord(found[0]):04x}", found) for found in made}
    urls = {quote(text, safe=safe) for safe in _KEPT} | {quote_plus(text)}
    made |= urls | {re.sub("%..", lambda found: found[0].lower(), url) for url in urls}
    tags = escape(text, quote=False)
    made |= {tags, escape(text), tags.replace("'", "&#39;"), tags.replace("'", "&#39;").replace('"', "&#34;")}
    return made | {text, text.replace("'", "'\\''"), text.replace("'", "\\'")}


def _parts(secret: str) -> Iterator[str]:
    """Yield the secret, its lines, and of a file of settings what in a line may be the secret."""
    # What begins and ends a key in every file of one.
    lines = [line.strip() for line in secret.splitlines() if not line.startswith("-----")]
    yield from _long([secret.strip(), *lines])
    for line in lines:
        yield from _long(_BEHIND.findall(line))
        yield from _long(text for found in _NAMED.findall(line) for text in found)
        yield from (word for word in _WORD.findall(line) if re.search("[0-9]", word) and re.search("[A-Za-z]", word))
        for password in _LOGIN.findall(line):
            yield from _long([password, unquote(password)])
        yield from _long(_password(found) for found in _ENCODED.findall(line))


def _password(encoded: str) -> str:
    """Return the password of a login in base64, as docker's and npm's files have it; nothing where it is none."""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _in_base64(text: str, shift: int) -> Iterator[str]:
    """Yield how a text looks in the base64 of a longer one: what stands before it decides by how many bits it is shifted.

    The first and the last characters are also of what stands around it, and are left out.
    """
    data = text.encode()
    bits = 8 * (shift + len(data))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        made = encode(b"\0" * shift + data).decode()
        yield made[-(-8 * shift // 6) : bits // 6]


def _long(texts: Iterable[str]) -> Iterator[str]:
    return (text for text in texts if len(text) >= SHORTEST)
