"""What is hidden in what a program printed: the secrets that its pod holds, of which whoever hides them has fingerprints.

Each is of a text as it may be printed; the program that declares Secrets makes them (`components/masks.py`). Of a token that
the minter has made nobody makes one: GitHub's are known by how they begin.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path

from steps.text import parsed

# Shorter texts stand in too many places to be hidden, and are told by their fingerprints.
SHORTEST = 8
# Of signs that stay within a status, where it is quoted.
HIDDEN = "(masked)"
# https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
_GITHUBS = re.compile("(?:gh[oprsu]_|github_pat_)[A-Za-z0-9_.-]{16,}")
# Of a text's beginning only so many bytes are told: enough to look closer at few places, and too few to guess it by them.
_BEGINNING, _WHOLE = 2, 16
# How many places of a line are looked at together: people look at logs with lines of megabytes.
_PIECE = 1 << 16


# Logs repeat themselves.
@lru_cache(maxsize=1 << 15)
def beginning(key: str, text: str) -> str:
    """Return the fingerprint of a text's first characters."""
    return _fingerprint(key, text[:SHORTEST], _BEGINNING)


def whole(key: str, text: str) -> str:
    """Return the fingerprint of a text."""
    return _fingerprint(key, text, _WHOLE)


def _fingerprint(key: str, text: str, size: int) -> str:
    return blake2b(text.encode(errors="replace"), key=_key(key), digest_size=size).hexdigest()


@cache
def _key(text: str) -> bytes:
    """Return a key of the length that there may be."""
    return blake2b(text.encode(), digest_size=32).digest()


class Masks:
    """Fingerprints, as a Secret has them: the key, and by beginnings the lengths and fingerprints of texts."""

    def __init__(self, key: str, texts: dict[str, list[tuple[int, str]]]) -> None:
        self._key, self._texts = key, texts

    @classmethod
    def read(cls, path: Path) -> "Masks":
        """Read them. Raises OSError or ValueError: what cannot be masked is not to be shown."""
        return cls.parse(path.read_text())

    @classmethod
    def parse(cls, text: str) -> "Masks":
        """Return those of a text. Raises ValueError."""
        found = parsed(text)
        if not isinstance(found, dict) or not isinstance(found.get("key"), str) or not isinstance(found.get("texts"), dict):
            raise ValueError("no fingerprints")
        try:
            texts = {start: [(int(length), str(end)) for length, end in each] for start, each in found["texts"].items()}
        except TypeError as error:
            raise ValueError("no fingerprints") from error
        return cls(found["key"], texts)

    def hide(self, line: str, *, cut: bool = False) -> str:
        """Return a line with nothing of the texts: where two overlap, both are hidden.

        Of a line that was `cut` off the end is hidden too that begins as a longer text does; so may be what only seems to.
        """
        hidden = [found.span() for found in _GITHUBS.finditer(line)]
        for start, texts in self._begun(line):
            for length, text in texts:
                if start + length > len(line):
                    if cut:
                        hidden.append((start, len(line)))
                elif whole(self._key, line[start : start + length]) == text:
                    hidden.append((start, start + length))
        shown, at = "", 0
        for start, end in sorted(hidden):
            if start >= at:
                shown += line[at:start] + HIDDEN
            at = max(at, end)
        return shown + line[at:]

    def _begun(self, line: str) -> Iterator[tuple[int, list[tuple[int, str]]]]:
        """Yield where texts may begin in a line, and which. What a line repeats is looked at once in each of its pieces."""
        last = len(line) - SHORTEST + 1
        for first in range(0, last, _PIECE):
            end = min(first + _PIECE, last)
            for found in {line[start : start + SHORTEST] for start in range(first, end)}:
                texts = self._texts.get(beginning(self._key, found))
                start = line.find(found, first) if texts else -1
                while texts and 0 <= start < end:
                    yield start, texts
                    start = line.find(found, start + 1)
