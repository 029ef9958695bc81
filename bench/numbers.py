"""The figures of `make bench`: recorded in `bench/results.json`, drawn, and shown in the README."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import picture, report
from bench.rounds import Delivery
from local.paths import ROOT

RESULTS = Path(__file__).parent / "results.json"
PICTURE = Path(__file__).parent / "results.svg"
README = ROOT / "README.md"
BEGIN, END = "<!-- Written by `make bench`. -->\n", "<!-- End of what `make bench` writes. -->\n"

ROWS = {
    "merge_to_production_s": "merge → production answers",
    "merge_to_run_end_s": "merge → the run has ended",
    "pr_to_staging_s": "pull request → staging answers",
}
COLUMNS = ("bare", "article", "ours")


def record(measured: Mapping[str, Sequence[Delivery]], machine: str, rounds: int) -> None:
    """Write the results of a measurement, the picture and the README's numbers.

    `measured` has the deliveries of each round by who and where: `ours staging`.
    """
    samples: dict[str, dict[str, list[float]]] = {row: {} for row in ROWS}
    parts: dict[str, dict[str, dict[str, int]]] = {"merge_to_production_ms": {}, "pr_to_staging_ms": {}}
    for key, deliveries in measured.items():
        who, environment = key.split()
        answer = "merge_to_production" if environment == "production" else "pr_to_staging"
        samples[f"{answer}_s"][who] = [round(delivery.answer, 3) for delivery in deliveries]
        if environment == "production":
            samples["merge_to_run_end_s"][who] = [round(delivery.ended, 3) for delivery in deliveries]
        parts[f"{answer}_ms"][who] = {
            part: round(1000 * statistics.median(delivery.parts.get(part, 0.0) for delivery in deliveries))
            for part in deliveries[-1].parts
        }
    results: dict[str, Any] = {
        "commit": report.commit(),
        "machine": machine,
        "rounds": rounds,
        **{row: {who: _middle(values) for who, values in found.items()} for row, found in samples.items()},
        "ratios": {row: _ratios(found) for row, found in samples.items()},
        "parts": parts,
        "samples": samples,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    show()


def show() -> None:
    """Draw what is recorded, and write it into the README: `python -m bench.numbers`, after a change of either's form."""
    PICTURE.write_text(picture.draw(json.loads(RESULTS.read_text())))
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(before + BEGIN + block() + END + rest.partition(END)[2])


def _middle(values: Sequence[float]) -> dict[str, float]:
    return {"p50": round(statistics.median(values), 2), "p95": round(_quantile(values, 95), 2)}


def _quantile(values: Sequence[float], percent: int) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _ratios(found: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Return ours to each other's, round by round: what both meet in a round falls out."""
    ratios = {}
    for who in COLUMNS:
        if who in found and who != "ours":
            each = [one / other for one, other in zip(found["ours"], found[who], strict=True)]
            spread = {"p5": _quantile(each, 5), "p50": statistics.median(each), "p95": _quantile(each, 95)}
            ratios[f"ours / {who}"] = {name: round(value, 2) for name, value in spread.items()}
    return ratios


def block() -> str:
    """Return what the README says of the results: a table, and how they came about."""
    results = json.loads(RESULTS.read_text())

    def cell(row: str, who: str) -> str:
        found = results[row].get(who)
        return f"{found['p50']:.1f} ({found['p95']:.1f})" if found else "-"

    lines = [
        "| seconds, median (p95) | bare | article | this |",
        "|---|---|---|---|",
        *(f"| {name} | {' | '.join(cell(row, who) for who in COLUMNS)} |" for row, name in ROWS.items()),
        "",
        f"{results['rounds']} interleaved rounds at commit {results['commit']}, {results['machine'].partition(',')[0]}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    show()
