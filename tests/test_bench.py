"""What the measurements make of their figures."""

import json
from xml.etree import ElementTree as Xml

import pytest

from bench import numbers, picture
from bench.rounds import Delivery, moments, parts_of
from bench.soak import Usage, growth
from bench.watch import Told
from local.kubernetes_api import Object


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


def _step(task: str, *conditions: str, began: str = "", image: str = "tools") -> Object:
    """Return a pod; with `began`, one whose only step has ended."""
    message = json.dumps([{"key": "StartedAt", "value": began}])
    state = {"terminated": {"message": message}} if began else {"running": {}}
    return {
        "metadata": {"name": f"{task}-pod", "labels": {"tekton.dev/pipelineTask": task}},
        "spec": {"containers": [{"image": image}]},
        "status": {
            "conditions": [{"type": kind, "status": "True"} for kind in conditions],
            "containerStatuses": [{"state": state}],
        },
    }


def _deployment(image: str) -> Object:
    return {"metadata": {"name": "app"}, "spec": {"template": {"spec": {"containers": [{"image": image}]}}}}


def _told() -> Told:
    """Two pods, one after the other, beside one that nobody waits for, and the rollout that the second one makes."""
    return Told(
        pods=[
            (9.0, _step("older", began="1970-01-01T00:00:05.000Z")),
            (10.1, _step("build")),
            (10.2, _step("build", "PodScheduled")),
            (10.3, _step("beside", "PodScheduled")),
            (11.0, _step("build", "PodScheduled", "Initialized")),
            (12.0, _step("build", "PodScheduled", "Initialized", began="1970-01-01T00:00:11.250Z")),
            (12.5, _step("stage", "PodScheduled")),
            (13.5, _step("stage", "PodScheduled", "Initialized")),
            (17.0, _step("beside", "PodScheduled", "Initialized", began="1970-01-01T00:00:12.000Z")),
            (18.0, _step("stage", "PodScheduled", "Initialized", began="1970-01-01T00:00:13.750Z")),
        ],
        deployments=[(9.0, _deployment("old")), (14.0, _deployment("new")), (16.0, _deployment("new"))],
        workload=[
            (9.5, _step("old", "Ready", image="old")),
            (14.5, _step("new", image="new")),
            (15.0, _step("new", "Ready", image="new")),
        ],
    )


def test_the_parts_of_a_delivery_are_those_that_the_answer_waited_for() -> None:
    parts = parts_of(10.0, [*moments(_told(), "old"), ("answer", 16.0)])
    assert parts == pytest.approx(
        {
            "build: scheduled": 0.2,
            "build: initialized": 0.8,
            "build: began": 0.25,
            "build: ran": 0.75,
            "stage: scheduled": 0.5,
            "stage: initialized": 1.0,
            "stage: began": 0.25,
            "stage: ran": 0.25,
            "rollout": 1.0,
            "answer": 1.0,
        }
    )
    assert sum(parts.values()) == pytest.approx(6.0)


def test_a_bare_change_has_no_pods_before_it() -> None:
    told = _told()
    told.pods.clear()
    assert parts_of(13.5, moments(told, "old")) == pytest.approx({"patched": 0.5, "rollout": 1.0})


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Results of two rounds, beside a README of one line."""
    folder = tmp_path_factory.mktemp("bench")
    for name in ("RESULTS", "PICTURE", "README"):
        monkeypatch.setattr(numbers, name, folder / name)
    numbers.README.write_text(f"before\n{numbers.BEGIN}old\n{numbers.END}after\n")

    def deliveries(*answers: float) -> list[Delivery]:
        return [Delivery(answer, answer + 1, "image", {"rollout": answer - 1, "answer": 1.0}) for answer in answers]

    measured = {
        "ours staging": deliveries(8.0, 10.0),
        "article staging": deliveries(16.0, 40.0),
        "ours production": deliveries(4.0, 4.2),
        "article production": deliveries(4.0, 4.0),
        "bare production": deliveries(2.0, 2.0),
    }
    numbers.record(measured, "a machine", 2)


@pytest.mark.usefixtures("recorded")
def test_results_have_middles_and_ratios_of_rounds() -> None:
    results = json.loads(numbers.RESULTS.read_text())
    assert results["merge_to_production_s"]["ours"] == {"p50": 4.1, "p95": 4.19}
    assert results["merge_to_run_end_s"]["bare"] == {"p50": 3.0, "p95": 3.0}
    assert set(results["pr_to_staging_s"]) == {"ours", "article"}
    # 8 to 16 and 10 to 40, not the ratio of the middles.
    assert results["ratios"]["pr_to_staging_s"]["ours / article"]["p50"] == 0.38
    assert results["parts"]["merge_to_production_ms"]["ours"] == {"rollout": 3100, "answer": 1000}


@pytest.mark.usefixtures("recorded")
def test_the_readme_gets_the_results_between_its_marks_alone() -> None:
    text = numbers.README.read_text()
    assert text == f"before\n{numbers.BEGIN}{numbers.block()}{numbers.END}after\n"
    assert "| merge → production answers | 2.0 (2.0) | 4.0 (4.0) | 4.1 (4.2) |" in text


@pytest.mark.usefixtures("recorded")
def test_the_picture_has_each_part_to_scale() -> None:
    drawing = Xml.fromstring(numbers.PICTURE.read_text())
    boxes = {box[0].text: float(box.get("width", 0)) for box in drawing.iterfind(".//{*}rect") if len(box)}
    assert boxes["rollout: 27000 ms"] == pytest.approx(27 * boxes["answer: 1000 ms"], rel=0.01)


def test_every_part_has_a_kind() -> None:
    told = _told()
    for name in parts_of(10.0, moments(told, "old")):
        assert name.rpartition(": ")[2] in picture.KINDS
