"""Where the seconds go, as a picture: one bar for each who delivers, of its parts' medians."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as Xml

TITLES = {"merge_to_production_ms": "merge → production answers", "pr_to_staging_ms": "pull request → staging answers"}
NAMES = {"bare": "bare", "article": "article", "ours": "this"}
# What ends a part → what the part is, and its colour.
KINDS = {
    "scheduled": ("Tekton, until the pod is scheduled", "#8b95a1"),
    "initialized": ("init containers", "#9ecae1"),
    "began": ("first step begins", "#4292c6"),
    "ran": ("steps", "#41ab5d"),
    "patched": ("kubectl", "#41ab5d"),
    "rollout": ("new pod gets ready", "#fdae6b"),
    "answer": ("Service leads there", "#e6550d"),
}
WIDTH, LEFT, BAR, GAP = 860, 70, 22, 8


def draw(results: Mapping[str, Any]) -> str:
    """Return an SVG of `bench/results.json`."""
    drawing = Xml.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "font-family": "sans-serif", "font-size": "12"})
    y = 0
    for key, title in TITLES.items():
        y += 22
        _text(drawing, 0, y, title, weight="bold")
        y += 8
        scale = (WIDTH - LEFT - 70) / max(sum(parts.values()) for parts in results["parts"][key].values())
        for who in NAMES:
            if who in results["parts"][key]:
                _bar(drawing, y, NAMES[who], results["parts"][key][who], scale)
                y += BAR + GAP
    for number, (name, colour) in enumerate(_legend()):
        x, line = LEFT + (number % 3) * 240, y + 14 + (number // 3) * 18
        _box(drawing, x, line - 10, 12, 12, colour, name)
        _text(drawing, x + 18, line, name)
    height = y + 14 + 3 * 18
    drawing.set("viewBox", f"0 0 {WIDTH} {height}")
    Xml.SubElement(drawing, "title").text = "Where the seconds of a delivery go, medians of each part"
    background = Xml.Element("rect", {"width": str(WIDTH), "height": str(height), "fill": "#ffffff"})
    drawing.insert(0, background)
    Xml.indent(drawing)
    return Xml.tostring(drawing, encoding="unicode") + "\n"


def _legend() -> list[tuple[str, str]]:
    return [kind for name, kind in KINDS.items() if name != "patched"]


def _bar(drawing: Xml.Element, y: float, name: str, parts: Mapping[str, int], scale: float) -> None:
    _text(drawing, 0, y + 15, name)
    x = float(LEFT)
    for part, milliseconds in parts.items():
        width = milliseconds * scale
        _box(drawing, x, y, width, BAR, KINDS[part.rpartition(": ")[2]][1], f"{part}: {milliseconds} ms")
        x += width
    _text(drawing, x + 6, y + 15, f"{sum(parts.values()) / 1000:.1f} s")


def _box(drawing: Xml.Element, x: float, y: float, width: float, height: float, colour: str, title: str) -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height}"}
    box = Xml.SubElement(drawing, "rect", {**place, "fill": colour, "stroke": "#ffffff", "stroke-width": "0.5"})
    Xml.SubElement(box, "title").text = title


def _text(drawing: Xml.Element, x: float, y: float, text: str, weight: str = "normal") -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "font-weight": weight, "fill": "#1f2328"}
    Xml.SubElement(drawing, "text", place).text = text
