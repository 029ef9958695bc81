"""The comment as Markdown."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from offline.check.manifests import Change
from offline.policy import Violation

# GitHub takes 65536 characters; the rest is left to whoever runs the command. Bytes, since a job hands the comment on.
LIMIT = 60_000
SECTION_LINES = 200
LINE = 300
# The first line of the comment, by which the next run finds it.
MARKER = "<!-- tekton-delivery: what this pull request changes -->"
SIGN = re.compile(r"^(\s+)([+-])(?= )")
# How a preview that is not interactive lists a resource that stays as it is.
UNCHANGED = re.compile(r"^ [ ~]  ?\s*\S+:\S+ \S+ (refresh|refreshing|running|read|reading)?\s*$")
LEFT_OUT = "… {} more lines: make pull-request-check AGAINST={}"
# What is not shown as it is: control and format characters, those that turn text around or are not seen among them, and
# what ends a line for some readers and not for others.
UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


@dataclass(frozen=True)
class Findings:
    """What was found for one stack."""

    changes: Sequence[Change]
    reach: str
    """The difference in what pods can reach; empty for none."""
    violations: Sequence[Violation]
    preview: str | None
    """What `pulumi preview` printed; None where nobody ran it."""
    fault: str = ""
    """Why nothing was found, where what a branch declares cannot be judged."""


def comment(found: Mapping[str, Findings], against: str, origin: str) -> str:
    """Return the comment for all stacks. `origin` says in one sentence whose code computed it."""
    lines = [
        MARKER,
        f"### What this changes, against `{against}`",
        "",
        origin,
        "",
        "| stack | manifests | reach of pods | policies | preview |",
        "|---|---|---|---|---|",
        *(f"| {stack} | {' | '.join(_cells(findings))} |" for stack, findings in found.items()),
    ]
    text = "\n".join(lines) + "\n"
    for stack, findings in found.items():
        for title, language, content in _sections(findings):
            section = "\n".join(["", *_folded(f"{stack}: {title}", language, content, against)]) + "\n"
            if len(f"{text}{section}".encode()) > LIMIT:
                return f"{text}\nMore: `make pull-request-check AGAINST={against}`\n"
            text += section
    return text


def visible(line: str) -> str:
    """Return a line with nothing in it that is not seen, and of bounded length."""
    shown = "".join(
        f"\\u{{{ord(character):x}}}" if character != "\t" and unicodedata.category(character) in UNSEEN else character
        for character in line[: LINE + 1]
    )
    return shown if len(shown) <= LINE else f"{shown[:LINE]}…"


def _cells(findings: Findings) -> Iterator[str]:
    if findings.fault:
        yield from ("**cannot be told**",) * 3
        yield "not run here"
        return
    counts = Counter(change.what for change in findings.changes)
    yield ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "the same"
    yield "**differs**" if findings.reach else "the same"
    yield f"**{len(findings.violations)} broken**" if findings.violations else "kept"
    yield "not run here" if findings.preview is None else _summary(findings.preview)


def _summary(preview: str) -> str:
    """What a preview says at its end, in one cell."""
    if re.search(r"^error: ", preview, re.M) or "❌" in preview:
        return "**fails**"
    counts = re.findall(r"^\s+[+~\-]*\s*(\d+) (?:to )?(create|update|delete|replace|unchanged)\s*$", preview, re.M)
    return ", ".join(f"{count} {what}" for count, what in counts) or "done"


def _sections(findings: Findings) -> Iterator[tuple[str, str, list[str]]]:
    if findings.fault:
        yield "why nothing can be told", "", findings.fault.splitlines()
    if findings.violations:
        yield "policies", "", [f"{each.policy}: {each.message}" for each in findings.violations]
    if findings.reach:
        # The sign first, so that it is shown in its colour.
        yield "what pods can reach", "diff", [SIGN.sub(r"\2\1", line) for line in findings.reach.splitlines()]
    if findings.changes:
        content = [line for each in findings.changes for line in (f"# {each.title}: {each.what}", *each.lines, "")]
        yield "manifests", "diff", content
    if findings.preview is not None:
        yield "preview", "diff", [line for line in findings.preview.splitlines() if not UNCHANGED.match(line)]


def _folded(title: str, language: str, content: list[str], against: str) -> list[str]:
    """A section that is opened by a click. Its content cannot end the fence around it, inside which nobody is mentioned."""
    content = [visible(part) for line in content for part in (line.split("\n") or [""])]
    if len(content) > SECTION_LINES:
        content = [*content[:SECTION_LINES], LEFT_OUT.format(len(content) - SECTION_LINES, against)]
    longest = max((len(ticks) for line in content for ticks in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"<details><summary>{title}</summary>", "", f"{fence}{language}", *content, fence, "", "</details>"]
