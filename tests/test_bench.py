"""What the measurements make of their figures."""

import pytest

from bench import report
from bench.soak import Usage, growth


def test_a_table_has_the_smallest_the_middle_and_the_largest() -> None:
    assert report.table({"a": [3.0, 1.0, 2.26], "nothing": []}, "seconds") == (
        "| seconds | min | median | max |\n|---|---|---|---|\n| a | 1.0 | 2.3 | 3.0 |"
    )


@pytest.mark.parametrize(
    ("last", "faults"),
    [
        (Usage(50, 1100, 90, 9), []),
        (Usage(49, 500, 90, 9), []),
        (Usage(51, 1000, 20, 1), ["the cluster has 51 processes, after the first round it had 50"]),
        (Usage(50, 1300, 20, 1), ["the cluster uses 1300 MB, after the first round it used 1000 MB"]),
    ],
)
def test_growth_counts_from_after_the_first_round(last: Usage, faults: list[str]) -> None:
    assert growth([Usage(40, 500, 10, 1), Usage(50, 1000, 20, 1), last]) == faults
