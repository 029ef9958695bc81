"""The step clean: which images the environment needs, whatever a rejected pull request left."""

import json
from typing import Any

import pytest

from steps import clean
from steps.inputs import read
from tests.steps.cleaning import IMAGE, A, B, C, Cleaner
from tests.steps.conftest import Sandbox
from tests.steps.server import Api, Forge


@pytest.fixture
def cleaner(sandbox: Sandbox, lists: Api, asked: Forge) -> Cleaner:
    return Cleaner(sandbox, lists, asked)


def note(image: str, pull_request: str | None) -> dict[str, Any]:
    return {"image": f"{IMAGE}@{image}", "pullRequest": pull_request}


def kept(cleaner: Cleaner, deployment: Any) -> set[str] | None:
    cleaner.lists.says("/deployments/", deployment)
    return clean.kept(read(clean.Inputs, cleaner.env()))


def test_what_runs_what_comes_back_and_what_others_left_in_the_history_is_needed(cleaner: Cleaner) -> None:
    deployment = {
        "metadata": {
            "annotations": {
                "tekton-delivery/before": json.dumps([note(B, None), {"image": None, "pullRequest": None}]),
                "tekton-delivery/history": json.dumps([note(C, "6"), note("sha256:" + "d" * 64, "7")]),
            }
        },
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": f"{IMAGE}@{A}"}, {"image": "by-tag:1"}]}}},
    }
    assert kept(cleaner, deployment) == {A, B, C}
    assert cleaner.lists.asked == ["GET /apis/apps/v1/namespaces/staging/deployments/shop-pod"]


SPEC = {"template": {"spec": {"containers": [{"name": "app", "image": f"{IMAGE}@{A}"}]}}}


def test_a_deployment_that_nothing_was_delivered_to_needs_what_it_runs(cleaner: Cleaner) -> None:
    assert kept(cleaner, {"metadata": {}, "spec": SPEC}) == {A}


def test_what_follows_the_deployment_needs_what_it_runs_too(cleaner: Cleaner) -> None:
    """A deploy that was killed may have left another image there."""
    other = {"template": {"spec": {"containers": [{"name": "app", "image": f"{IMAGE}@{B}"}]}}}
    cleaner.lists.says("/deployments/shop-pod", {"metadata": {}, "spec": SPEC})
    cleaner.lists.says("/deployments/shop-worker-pod", {"metadata": {}, "spec": other})
    env = cleaner.env() | {"PARAM_DEPLOYMENT": "shop-pod\nshop-worker-pod"}
    assert clean.kept(read(clean.Inputs, env)) == {A, B}


def test_where_the_cluster_does_not_answer_nothing_is_known(cleaner: Cleaner, capsys: pytest.CaptureFixture[str]) -> None:
    cleaner.lists.refuses("/deployments/", "connection refused")
    assert clean.kept(read(clean.Inputs, cleaner.env())) is None
    printed = capsys.readouterr()
    assert "connection refused" in printed.err
    assert "nothing is deleted" in printed.out


@pytest.mark.parametrize("name", ["history", "before"])
@pytest.mark.parametrize("text", ["[1,]", "[5]", "5", '{"a": {"image": "x@y"}}', "[" * 100_000, '"text"'])
def test_a_record_that_cannot_be_read_fails_no_way_back(
    cleaner: Cleaner, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    deployment = {"metadata": {"annotations": {f"tekton-delivery/{name}": text}}, "spec": SPEC}
    assert kept(cleaner, deployment) is None
    assert "nothing is deleted" in capsys.readouterr().out
