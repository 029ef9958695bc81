"""The comment on a pull request, as Markdown: a section for each environment. Nothing here talks to the forge.

What a pull request can write (a log's lines, tests' names, a container's last word) stands in fences that it cannot end,
where forges make no mention, link, reference or HTML of anything. What stands outside of them has a form that is checked
here, or comes from the stack's settings.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from steps.statuses import FAILURE, PENDING, SUCCESS
from steps.text import plain

# By which the comment is found again, among those of the account that writes it.
MARKER = "<!-- tekton-delivery -->"
_END = "<!-- tekton-delivery end -->"
_BEGIN = re.compile("<!-- tekton-delivery (?P<key>[a-z0-9-]+(?:/[a-z0-9-]+)?) (?P<run>[a-z0-9.-]+) -->")
# GitHub takes 65536 characters. Of a tail a section has what a reader scrolls through; of a repository's many applications
# each has a few hundred characters without one.
LONGEST, _TAIL, _REASON, _STEPS = 60_000, 6_000, 1_000, 60
# Of a run's name: the second of its event, or in which somebody started it by hand, in UTC.
_MOMENT = re.compile("-([0-9]{14})(?![0-9])")
_AHEAD = 60.0

_NAME = re.compile("[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?")
_SHA = re.compile("[0-9a-f]{40}")
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_URL = re.compile('https?://[^\\s<>|`"\\\\]+')
_BACKTICKS = re.compile("`+")
_WORDS = {SUCCESS: "done", FAILURE: "failed", PENDING: "not yet"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a run that has ended."""

    name: str
    seconds: float | None
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class Section:
    """What is told of a pull request in one environment."""

    key: str
    """The environment, and the application after a slash where the repository has several."""
    run: str
    """The PipelineRun's name."""
    state: str
    """As of a commit status."""
    reason: str
    """Why, in one line. Anybody may have written it."""
    commit: str
    digest: str = ""
    """sha256:…, of what was rolled out."""
    place: str = ""
    """Where people find the application, a URL; empty where no setting knows."""
    page: str = ""
    """Where people find the run, a URL."""
    promotable: str = ""
    steps: Sequence[Step] = ()
    tail: str = ""
    """The last lines of what failed. Anybody may have written them."""
    again: str = ""
    """How it is run again, as Markdown of ours."""


def with_section(body: str, section: Section) -> str:
    """Return a comment's text with a section in the place of the one of the same key, or after the others.

    The last word about an environment is that of the run whose event came last: a section of a later run stays.
    """
    there = sections(body)
    known = there.get(section.key)
    # Of a time to come is what somebody has written into the comment, or an event by a forge's clock that is ahead.
    if known and _past(_moment(known[0])) > _moment(section.run):
        return body
    texts = {key: text for key, (_, text) in there.items()} | {section.key: render(section)}
    if len(_joined(texts)) > LONGEST:
        texts[section.key] = render(_short(section))
    for key in sorted(there, key=lambda key: -len(texts[key])):
        if len(_joined(texts)) <= LONGEST:
            break
        texts[key] = _head(texts[key])
    # Who may write to the repository may have made it longer than any of ours.
    for key in sorted(there.keys() - {section.key}, key=lambda key: -len(texts[key])):
        if len(_joined(texts)) <= LONGEST:
            break
        del texts[key]
    return _joined(texts)


def _joined(texts: Mapping[str, str]) -> str:
    return "\n\n".join([MARKER, *texts.values()])


def _head(text: str) -> str:
    """Return what of a section's text comes before its first fence."""
    lines = text.split("\n")
    fence = next((number for number, line in enumerate(lines) if line.startswith("```")), len(lines) - 1)
    return "\n".join([*lines[:fence], _END])


def sections(body: str) -> dict[str, tuple[str, str]]:
    """Return the sections of a comment of ours by key: whose run each is, and its text."""
    found: dict[str, tuple[str, str]] = {}
    begun, lines = None, list[str]()
    for line in body.replace("\r\n", "\n").split("\n"):
        begin = _BEGIN.fullmatch(line)
        if begin:
            begun, lines = begin, [line]
        elif begun and line == _END:
            found[begun["key"]] = begun["run"], "\n".join([*lines, line])
            begun = None
        elif begun:
            lines.append(line)
    return found


def render(section: Section) -> str:
    """Return a section."""
    run, page = _formed(_NAME, section.run), _formed(_URL, section.page)
    rows = {
        # As code: Gitea 1.26 ends as a whole when it shows a bare sha without knowing the repository, as in a feed.
        "commit": _code(_formed(_SHA, section.commit)),
        "digest": _code(_formed(_DIGEST, section.digest)),
        "URL": _link(_formed(_URL, section.place)),
        "run": f"[{run}](<{page}>)" if run and page else _code(run),
        "promotable": _code(_formed(_NAME, section.promotable)),
    }
    table = [f"| {name} | {value} |" for name, value in rows.items() if value]
    parts = [
        f"### {section.key}: {_WORDS.get(section.state, 'not yet')}",
        "\n".join(["| | |", "|---|---|", *table]),
        fenced(plain(section.reason)[:_REASON]),
        fenced(_end_of(section.tail)),
        _steps(section.steps),
        section.again,
    ]
    begin = f"<!-- tekton-delivery {section.key} {run or 'none'} -->"
    return "\n".join([begin, "\n\n".join(part for part in parts if part), "", _END])


def fenced(text: str) -> str:
    """Return a text of anybody as a block of code that it cannot end, or nothing. No marker of ours is in it."""
    shown = plain(text, lines=True).strip("\n").replace("<!--", "<!- -")
    if not shown.strip():
        return ""
    fence = "`" * max(3, *(len(found) + 1 for found in _BACKTICKS.findall(shown)), 3)
    return f"{fence}text\n{shown}\n{fence}"


def _short(section: Section) -> Section:
    """Return a section without what is long."""
    return Section(
        key=section.key,
        run=section.run,
        state=section.state,
        reason=section.reason,
        commit=section.commit,
        page=section.page,
        again=section.again,
    )


def _steps(steps: Sequence[Step]) -> str:
    known = [step for step in steps if _formed(_NAME, step.name)][:_STEPS]
    if not known:
        return ""
    took = sum(step.seconds or 0 for step in known)
    lines = [f"| {step.name} | {_seconds(step.seconds)} | {'failed' if step.failed else ''} |" for step in known]
    table = "\n".join(["| step | seconds | |", "|---|---:|---|", *lines])
    return f"<details><summary>{len(known)} steps, {took:.0f} s together</summary>\n\n{table}\n\n</details>"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}"


def _end_of(text: str) -> str:
    """Return the end of a text, in whole lines if there are several."""
    if len(text) <= _TAIL:
        return text
    end = text[-_TAIL:]
    return end.partition("\n")[2] or end


def _moment(run: str) -> str:
    """Return when a run was asked for, as digits that sort; nothing where its name tells none."""
    found = _MOMENT.findall(run)
    return found[-1] if found else ""


def _past(moment: str) -> str:
    """Return a moment, or nothing for a time to come."""
    return moment if moment <= time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + _AHEAD)) else ""


def _formed(form: re.Pattern[str], value: str) -> str:
    return value if form.fullmatch(value) else ""


def _code(value: str) -> str:
    return f"`{value}`" if value else ""


def _link(url: str) -> str:
    return f"<{url}>" if url else ""
