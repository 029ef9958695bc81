"""JUnit XML and TAP, as tests write them. What is read was written by anybody: nothing in it is looked up or expanded."""

import pyexpat
import re

from steps.summary import Count

# What XML cannot have and test runners write all the same, from what a test printed: as it is, and by its number.
_CONTROLS = bytes(number for number in range(32) if number not in (9, 10, 13))
_NUMBERED = re.compile(rb"&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|[xX]0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]));")
# Of a document: more would take the memory of whoever reads it.
_DEPTH, _ELEMENTS = 100, 1_000_000

_LINE = re.compile("^(not )?ok\\b *[0-9]* *(?:- *)?(.*)", re.MULTILINE)
_DIRECTIVE = re.compile("(?<!\\\\)# *(skip|todo)", re.IGNORECASE)


class ReportError(Exception):
    """A file is no report, or one that is not read."""


def read(data: bytes) -> Count:
    """Return what a report counts. Raises ReportError."""
    found = _junit(data) if data.lstrip(b"\xef\xbb\xbf \t\r\n\xfe\xff\x00").startswith(b"<") else _tap(data)
    if not found.all:
        raise ReportError("it has no tests")
    return found


class _Reader:
    """Counts the test cases of a document, in whatever suites they lie. The totals that suites name are not asked."""

    def __init__(self) -> None:
        self.count = Count()
        self._name, self._end, self._depth, self._elements = "", "", 0, 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _DEPTH or self._elements > _ELEMENTS:
            raise ReportError("it is too deep, or has too many elements")
        kind = tag.rpartition(":")[2]
        if kind == "testcase":
            self._name, self._end = attributes.get("name", ""), "passed"
            if attributes.get("status") in ("notrun", "disabled") or attributes.get("result") == "suppressed":
                self._end = "skipped"
        elif self._end and kind in ("failure", "error"):
            self._end = "failed"
        elif self._end == "passed" and kind == "skipped":
            self._end = "skipped"

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag.rpartition(":")[2] != "testcase" or not self._end:
            return
        if self._end == "failed":
            self.count.fail(self._name)
        elif self._end == "skipped":
            self.count.skipped += 1
        else:
            self.count.passed += 1
        self._end = ""


def _junit(data: bytes) -> Count:
    parser, reader = pyexpat.ParserCreate(), _Reader()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.StartDoctypeDeclHandler = _refuse
    try:
        # All at once: in pieces, a long word would be read anew with each of them.
        parser.Parse(_clean(data), True)
    except (pyexpat.ExpatError, UnicodeError, ValueError, LookupError) as error:
        raise ReportError(f"it is no XML: {error}") from None
    return reader.count


def _clean(data: bytes) -> bytes:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:4]:
        return data
    return _NUMBERED.sub(b"?", data.translate(None, _CONTROLS))


def _refuse(*_: object) -> None:
    raise ReportError("it declares a document type, which no report needs")


def _tap(data: bytes) -> Count:
    """Count the tests of the first level: each stands for those below it."""
    count = Count()
    for found in _LINE.finditer(data.decode("utf-8", "replace")):
        directive = _DIRECTIVE.search(found[2])
        if directive and (directive[1].lower() == "skip" or found[1]):
            count.skipped += 1
        elif found[1]:
            count.fail(re.split("(?<!\\\\) #", found[2])[0])
        else:
            count.passed += 1
    return count
