"""What people see of a delivery, as pictures of README: `python -m offline.pictures`.

The texts are made by what makes them for people; only whom they tell of is made up.
"""

from pathlib import Path
from xml.etree import ElementTree as Xml

from operate.status import Going, Row, Status, lines
from steps.comment import Section, Step, render

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
# Of a terminal, in characters; and pixels of one, and of a line.
_COLUMNS, _WIDE, _LINE, _EDGE = 112, 7.4, 18, 14
_COMMIT = "9c41e07f2ab35d6081e4f7a9b2c3d5e6f7081920"
_RUN = "shop-staging-13-9c41e07f-20261127091702"

_STATUS = Status(
    applications=[
        Row(
            environment="staging",
            application="shop",
            ready="2/2",
            commit="e7b60c1d94fa",
            since="2026-11-27 09:12:40",
            pull_request="#12",
        ),
        Row(
            environment="production",
            application="shop",
            ready="6/6",
            commit="e7b60c1d94fa",
            since="2026-11-27 09:20:06",
            pull_request="#12",
            by="mona",
            state="waits for approval: #11",
        ),
        Row(
            environment="production",
            application="search",
            ready="3/3",
            commit="30fd2b8e1a77",
            since="2026-11-26 16:03:51",
            pull_request="#87",
            by="hubot",
            state="held since 2026-11-26 by lee: index is rebuilt",
        ),
    ],
    runs=[
        Going(
            environment="staging",
            run="search-staging-88-0a7c3f52-20261127092044",
            since="2026-11-27 09:20:44",
            state="build: test",
        )
    ],
    room={"staging": (1, 20), "production": (0, 20)},
)

_SECTION = Section(
    key="staging",
    run=_RUN,
    state="failure",
    reason='step test failed (exit code 1); log: "AssertionError: 3 != 4"; tests: "213 passed, 1 failed: test_total"',
    commit=_COMMIT,
    page=f"https://tekton.example/#/namespaces/staging-ci/pipelineruns/{_RUN}",
    steps=[Step(name="build.fetch", seconds=1.0), Step(name="build.test", seconds=31.0, failed=True)],
    tail="FAIL: test_total (tests.test_cart.Cart)\nAssertionError: 3 != 4\nRan 214 tests in 30.82s",
    again="To run it again: push, close and reopen the pull request, or `python -m operate retry staging shop 13`.",
)


def pictures() -> dict[str, str]:
    """Return each picture, an SVG, by its file's name."""
    shown = ["$ python -m operate status", *lines(_STATUS, _COLUMNS)]
    return {
        "status.svg": _drawn("What `operate status` prints", shown, dark=True),
        "comment.svg": _drawn("The comment on a pull request", _as_read(render(_SECTION)), dark=False),
    }


def _as_read(text: str) -> list[str]:
    """Return Markdown of ours as a forge shows it, in lines; a heading begins with #, what is in a fence with a bar."""
    shown: list[str] = []
    fence = False
    for line in text.splitlines():
        if line.startswith("```"):
            fence = not fence
        elif fence:
            shown.append(f"│ {line}")
        elif line.startswith("<details><summary>"):
            shown.append(f"▸ {line.removeprefix('<details><summary>').removesuffix('</summary>')}")
        elif line.startswith("| ") and line.strip("| -"):
            name, value = (cell.strip() for cell in line.strip("|").split(" | ", 1))
            shown.append(f"{name:<12}{_plain(value)}")
        elif line and not line.startswith(("<", "|")):
            shown.append(_plain(line))
        elif not line and shown and shown[-1]:
            shown.append("")
    # What is in the folded part is not seen before somebody opens it.
    return [line for line in shown if not line.startswith(("step  ", "build.", "promote."))]


def _plain(text: str) -> str:
    return (text.partition("](")[0].removeprefix("[") if text.startswith("[") else text).strip("<>").replace("`", "")


def _drawn(title: str, shown: list[str], *, dark: bool) -> str:
    width = int(max(map(len, shown)) * _WIDE) + 2 * _EDGE
    height = len(shown) * _LINE + 2 * _EDGE
    ground, ink, grey = ("#0d1117", "#e6edf3", "#30363d") if dark else ("#ffffff", "#1f2328", "#f0f2f4")
    drawing = Xml.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "font-family": "ui-monospace, SFMono-Regular, Menlo, monospace",
            "font-size": "12",
        },
    )
    Xml.SubElement(drawing, "title").text = title
    frame = {"width": str(width), "height": str(height), "rx": "6", "fill": ground, "stroke": grey}
    Xml.SubElement(drawing, "rect", frame)
    for number, line in enumerate(shown):
        top = _EDGE + number * _LINE
        quoted, heading = line.startswith("│ "), line.startswith("### ")
        if quoted:
            box = {"x": str(_EDGE), "y": str(top), "width": str(width - 2 * _EDGE), "height": str(_LINE), "fill": grey}
            Xml.SubElement(drawing, "rect", box)
        place = {"x": str(_EDGE + (8 if quoted else 0)), "y": str(top + 13), "fill": ink, "xml:space": "preserve"}
        text = Xml.SubElement(drawing, "text", place | ({"font-weight": "bold", "font-size": "14"} if heading else {}))
        text.text = line.removeprefix("│ ").removeprefix("### ")
    return Xml.tostring(drawing, encoding="unicode") + "\n"


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures().items():
        (FOLDER / name).write_text(picture)


if __name__ == "__main__":
    main()
