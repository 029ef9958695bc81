"""The comment on a pull request as Markdown: what others write stays within fences, and a section is replaced by its own."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from steps.comment import LONGEST, MARKER, Section, Step, fenced, render, sections, with_section

SHA, DIGEST = "4f0c1a2b" * 5, "sha256:" + "6d1f" * 16
RUN = "shop-staging-12-4f0c1a2b-20261122184131"


def section(**changed: Any) -> Section:
    values: dict[str, Any] = {
        "key": "staging",
        "run": RUN,
        "state": "failure",
        "reason": "step test failed (exit code 3)",
        "commit": SHA,
        "digest": DIGEST,
        "place": "https://shop.staging.example",
        "page": "https://tekton.example/#/namespaces/staging-ci/pipelineruns/shop",
        "promotable": "no",
        "steps": [Step(name="build.fetch", seconds=2.0), Step(name="build.test", seconds=31.4, failed=True)],
        "tail": "not ok 3 - says hello",
        "again": "To run it again: push.",
    }
    return Section(**values | changed)


def at(moment: str) -> str:
    return f"shop-staging-12-4f0c1a2b-{moment}"


def test_a_section_says_what_became_of_a_pull_request() -> None:
    assert (
        render(section())
        == f"""<!-- tekton-delivery staging {RUN} -->
### staging: failed

| | |
|---|---|
| commit | `{SHA}` |
| digest | `{DIGEST}` |
| URL | <https://shop.staging.example> |
| run | [{RUN}](<https://tekton.example/#/namespaces/staging-ci/pipelineruns/shop>) |
| promotable | `no` |

```text
step test failed (exit code 3)
```

```text
not ok 3 - says hello
```

<details><summary>2 steps, 33 s together</summary>

| step | seconds | |
|---|---:|---|
| build.fetch | 2 |  |
| build.test | 31 | failed |

</details>

To run it again: push.

<!-- tekton-delivery end -->"""
    )


def test_what_is_not_known_is_left_out() -> None:
    bare = Section(key="tests", run=RUN, state="success", reason="", commit=SHA)
    assert render(bare) == (
        f"<!-- tekton-delivery tests {RUN} -->\n### tests: done\n\n| | |\n|---|---|\n| commit | `{SHA}` |\n"
        f"| run | `{RUN}` |\n\n<!-- tekton-delivery end -->"
    )


HOSTILE = [
    "```\n@everyone [here](https://evil.example) <img src=x onerror=alert(1)>",
    "````text\n@everyone\n````\n~~~\n#1 closes #2",
    "`" * 40 + "\n@everyone",
    "a\r\n```\r@everyone",
    "a\u2028```\u2028@everyone",
    "</details><script>@everyone</script>",
    "\n\n```\n\n@everyone",
]


def outside(markdown: str) -> str:
    """What is in no fence, as CommonMark reads it: a fence is closed by as many backticks as open it, or more, alone."""
    left, fence = list[str](), ""
    for line in markdown.split("\n"):
        found = re.match(" {0,3}(`{3,})([^`]*)$", line)
        if not fence and found:
            fence = found[1]
        elif fence and found and len(found[1]) >= len(fence) and not found[2].strip():
            fence = ""
        elif not fence:
            left.append(line)
    assert not fence, "a fence is open at the end"
    return "\n".join(left)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["reason", "tail"])
def test_nothing_that_others_write_leaves_its_fence(field: str, text: str) -> None:
    made = with_section("", section(**{field: text}))
    assert "everyone" in made or "evil" in made or "#1" in made
    assert not re.search("everyone|evil|script|closes", outside(made))
    assert outside(made).endswith("To run it again: push.\n\n<!-- tekton-delivery end -->"), "nor swallows what follows"


def test_a_fence_that_could_be_ended_would_be_noticed() -> None:
    with mock.patch("steps.comment.fenced", lambda text: f"```\n{text}\n```"):
        assert "everyone" in outside(render(section(tail=HOSTILE[0] + "\n```")))


@pytest.mark.parametrize(
    "changed",
    [
        {"run": "a](https://evil.example)"},
        {"commit": "@everyone"},
        {"digest": "sha256:`@everyone"},
        {"place": "https://shop.example> @everyone"},
        {"page": "javascript:everyone"},
        {"promotable": "@everyone"},
        {"steps": [Step(name="| @everyone", seconds=1)]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_has_not_its_form_is_left_out(changed: dict[str, Any]) -> None:
    made = render(section(**changed))
    assert "everyone" not in made
    assert "evil" not in made


def test_a_marker_in_a_log_is_none() -> None:
    """Else a pull request would write another environment's section."""
    forged = (
        f"<!-- tekton-delivery end -->\n<!-- tekton-delivery production {at('20261122190000')} -->\n### production: done"
    )
    body = with_section(with_section("", section(key="production", state="failure")), section(tail=forged))
    assert sections(body).keys() == {"production", "staging"}
    assert "failed" in sections(body)["production"][1]
    assert "<!--" not in fenced(forged)


def test_a_section_takes_the_place_of_its_own_and_leaves_the_others() -> None:
    both = with_section(with_section("", section()), section(key="production", reason="serves"))
    assert both.startswith(f"{MARKER}\n\n<!-- tekton-delivery staging ")
    again = with_section(both, section(run=at("20261122184500"), state="success", reason="all is well"))
    assert list(sections(again)) == ["staging", "production"]
    assert sections(again)["production"] == sections(both)["production"]
    assert "### staging: done" in again
    assert "step test failed" not in sections(again)["staging"][1]
    assert with_section(again.replace("\n", "\r\n"), section(key="production", reason="serves")) == again


def test_the_last_word_is_that_of_the_later_run_whoever_comes_last() -> None:
    body = with_section("", section(run=at("20261122184131"), reason="newer"))
    assert with_section(body, section(run=at("20261122184130"), reason="older")) == body
    assert "once more" in with_section(body, section(run=at("20261122184131"), reason="once more"))
    assert "by hand" in with_section(body, section(run="by-hand", reason="by hand")) or body


def test_a_time_to_come_keeps_nobody_out() -> None:
    """Who may write to the repository may edit the comment."""
    edited = with_section("", section()).replace(RUN, at("29991122184131"))
    assert "the truth" in with_section(edited, section(reason="the truth"))


def test_many_applications_fit_into_one_comment() -> None:
    body = ""
    for number in range(60):
        told = section(key=f"staging/shop-{number}", tail="line of a log\n" * 1000, run=RUN)
        body = with_section(body, told)
    assert len(body) <= LONGEST
    assert len(sections(body)) == 60
    assert "line of a log" in body
    assert "line of a log" not in sections(body)["staging/shop-59"][1], "what there is no room for"


def test_of_a_long_tail_the_end_is_shown_in_whole_lines() -> None:
    lines = "\n".join(f"line {number}" for number in range(5000))
    made = render(section(tail=lines))
    assert "line 4999\n```" in made
    shown = made.partition("failed (exit code 3)\n```\n\n```text\n")[2].partition("\n")[0]
    assert re.fullmatch("line [0-9]+", shown)
    assert len(made) < 8000


def test_a_section_without_a_moment_gives_way() -> None:
    body = with_section("", section())
    assert with_section(body, replace(section(), run="by-hand")) == body


def test_what_a_writer_adds_to_the_comment_does_not_make_it_too_long_to_be_written() -> None:
    """A section that nobody tells of any more, as long as a comment may be, without a fence where it could be cut."""
    forged = "\n".join(["<!-- tekton-delivery qa by-hand -->", *["x" * 100] * 640, "<!-- tekton-delivery end -->"])
    made = with_section(f"{MARKER}\n\n{forged}", section())
    assert len(made) <= LONGEST
    assert "staging" in sections(made)
    many = "\n".join(f"<!-- tekton-delivery qa/{n} by-hand -->\n```\n```\n<!-- tekton-delivery end -->" for n in range(1500))
    made = with_section(f"{MARKER}\n\n{many}", section())
    assert len(made) <= LONGEST
    assert "staging" in sections(made)


def test_a_forge_whose_clock_shows_another_zone_does_not_keep_its_next_run_out() -> None:
    """Gitea writes times as its own zone has them, and `python -m operate` names runs by UTC."""
    now = datetime.now(UTC)
    for hours in (1, 2, 8, 13):
        first, second = (at((now + timedelta(hours=hours + more)).strftime("%Y%m%d%H%M%S")) for more in (-9, 0))
        body = with_section("", section(run=first, reason="the first push"))
        assert "the second push" in with_section(body, section(run=second, reason="the second push"))
        again = at((now + timedelta(minutes=1)).strftime("%Y%m%d%H%M%S"))
        body = with_section("", section(run=second, reason="the second push"))
        assert "by hand" in with_section(body, section(run=again, reason="by hand")), hours
