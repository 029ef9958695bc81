"""A pull request's life, as the table of docs/events.md tells it: every recorded body does what its row says."""

import json
import re
from functools import cache

import pytest

from tests.sink import deliver
from tests.support import ROOT, Declared, both_environments, keeping
from tests.test_routing import FIXTURES, payload

# What the table calls an event → the bodies that each forge sends then. Some have no body of their own: the end-to-end
# tests see them.
BODIES: dict[str, dict[str, tuple[str, ...]]] = {
    "opened": {"github": ("opened",), "gitea": ("opened",)},
    "reopened": {"github": ("reopened",), "gitea": ("reopened",)},
    "updated": {"github": ("synchronize",), "gitea": ("synchronized",)},
    "ready for review": {"github": ("ready_for_review",), "gitea": ("edited_ready",)},
    "moved to the base branch": {"github": ("edited_base_to",), "gitea": ("edited_base_to",)},
    "opened as a draft": {"github": ("opened_draft",), "gitea": ("opened_draft",)},
    "updated as a draft": {"gitea": ("synchronized_draft",)},
    "made a draft": {"github": ("converted_to_draft",), "gitea": ("edited_to_draft",)},
    "title edited": {"github": ("edited_title",), "gitea": ("edited_title",)},
    "text edited": {"gitea": ("edited_body",)},
    "merged": {"github": ("closed_merged",), "gitea": ("closed_merged", "closed_squashed", "closed_rebased")},
    # tests/steps/chains/test_chain.py
    "merged where another environment comes before production": {},
    "merged and overtaken on the base branch before production asks": {},
    "merged after the base branch had moved": {},
    "closed unmerged": {"github": ("closed_unmerged",), "gitea": ("closed_unmerged",)},
    "moved to another branch": {"github": ("edited_base_away",), "gitea": ("edited_base_away",)},
    "from a fork": {"github": ("fork_opened",), "gitea": ("fork_opened",)},
    "pushed for review on Gitea": {
        "gitea": ("agit_opened", "agit_synchronized", "agit_edited", "agit_closed", "agit_reopened", "agit_merged")
    },
    "to another branch": {},
    "unsigned": {},
    # test_pushes.py
    "pushed to the base branch": {},
    # test_fork.py
    "`/ok-to-test` and the full sha of a fork's head, said by who may write": {},
}
PIPELINES = {
    "nothing": None,
    "delivers": "chespirito-staging-pipeline",
    "goes back": "chespirito-staging-rejected-pipeline",
    "promotes": "chespirito-production-pipeline",
    "tells": "chespirito-staging-base-moved-pipeline",
    "tests": "chespirito-staging-fork-pipeline",
}


@cache
def listening(forge: str) -> Declared:
    return both_environments(forge)


def table() -> dict[str, set[str]]:
    """Each event of the table, and the Pipelines that it starts."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", (ROOT / "docs" / "events.md").read_text(), re.M)
    header = rows.index(("event", "staging", "production"))
    effects = {}
    for events, *cells in rows[header + 1 :]:
        begins = [next(word for word in PIPELINES if cell.startswith(word)) for cell in cells]
        for event in [events] if "`" in events else events.split(", "):
            effects[event] = {pipeline for word in begins if (pipeline := PIPELINES[word])}
    return effects


def test_the_table_and_the_recorded_bodies_are_the_same_events() -> None:
    assert table().keys() == BODIES.keys()
    listed = {(forge, name) for bodies in BODIES.values() for forge, names in bodies.items() for name in names}
    assert listed == {(path.parent.name, path.stem) for path in FIXTURES.glob("git*/*.json")}


@pytest.mark.parametrize(
    ("forge", "name", "event"),
    [(forge, name, event) for event, bodies in BODIES.items() for forge, names in bodies.items() for name in names],
)
def test_each_body_does_what_its_row_says(forge: str, name: str, event: str) -> None:
    runs = deliver(listening(forge), payload(forge, name))
    assert {run["spec"]["pipelineRef"]["name"] for run in runs} == table()[event]
    assert len(runs) == len(table()[event])


@pytest.mark.parametrize("name", ["edited_ready", "edited_base_to"])
def test_a_draft_stays_where_it_is_whatever_is_edited(name: str) -> None:
    body = payload("gitea", name)
    body["pull_request"]["draft"] = True
    assert deliver(listening("gitea"), body) == []


@pytest.mark.parametrize("name", ["closed_unmerged", "edited_base_away"])
def test_what_a_draft_left_behind_is_taken_back(name: str) -> None:
    body = payload("gitea", name)
    body["pull_request"]["draft"] = True
    assert len(deliver(listening("gitea"), body)) == 1


def test_moving_between_two_other_branches_is_nobodys_concern() -> None:
    body = payload("github", "edited_base_away")
    body["changes"]["base"]["ref"]["from"] = "another"
    assert deliver(listening("github"), body) == []


@pytest.mark.parametrize("event", ["closed_unmerged", "closed_merged"])
def test_the_end_of_a_pull_request_that_had_moved_away_is_nobodys_concern(event: str) -> None:
    body = payload("gitea", event)
    body["pull_request"]["base"]["ref"] = "release"
    assert deliver(listening("gitea"), body) == []


@pytest.mark.parametrize("title", ["WIP: x", "wip: x", "[WIP] x", "[Wip]x"])
def test_gitea_calls_these_titles_drafts(title: str) -> None:
    body = json.loads(json.dumps(payload("gitea", "edited_ready")))
    body["changes"]["title"]["from"] = title
    assert len(deliver(listening("gitea"), body)) == 1


@pytest.mark.parametrize("title", ["x", "x WIP:", "WIPE x", " WIP: x", "x\nWIP: y"])
def test_gitea_calls_these_titles_no_drafts(title: str) -> None:
    body = payload("gitea", "edited_ready")
    body["changes"]["title"]["from"] = title
    assert deliver(listening("gitea"), body) == []


def test_where_staging_keeps_what_was_rejected_its_runs_are_cancelled_and_what_serves_stays() -> None:
    stack = keeping()
    (run,) = deliver(stack, payload("gitea", "closed_unmerged"))
    pipeline = stack.one("Pipeline", run["spec"]["pipelineRef"]["name"])
    names = ["supersede", "clean"]
    assert [task["taskRef"]["name"] for task in pipeline["spec"]["tasks"]] == names
    assert [spec["pipelineTaskName"] for spec in run["spec"]["taskRunSpecs"]] == names
    assert "restore" not in stack.names("Task")
