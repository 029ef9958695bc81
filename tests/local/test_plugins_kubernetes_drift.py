"""The stand-in for kubernetes: what a refresh takes for drift."""

import copy

from local.plugins.kubernetes.refresh import adopt, untried


def test_a_normalised_value_is_not_drift():
    inputs = {"limits": {"cpu": "1000m"}, "labels": {"a": "1"}}
    live = {"limits": {"cpu": "1"}, "labels": {"a": "1", "theirs": "2"}, "status": {}}
    assert adopt(inputs, copy.deepcopy(live), live) == inputs


def test_a_foreign_value_takes_the_inputs_place():
    inputs = {"labels": {"a": "1", "b": "1"}, "data": {"k": "v"}}
    applied = {"labels": {"a": "1", "b": "1"}, "data": {"k": "v"}, "uid": "u"}
    live = {"labels": {"a": "2"}, "data": {"k": "v"}, "uid": "u"}
    assert adopt(inputs, applied, live) == {"labels": {"a": "2"}, "data": {"k": "v"}}


def test_items_of_a_list_are_found_by_name():
    inputs = [{"name": "a", "cpu": "1000m"}, {"name": "b", "image": "1"}]
    applied = [{"name": "a", "cpu": "1", "d": 1}, {"name": "b", "image": "1", "d": 1}, {"name": "sidecar"}]
    live = [{"name": "a", "cpu": "1", "d": 1}, {"name": "b", "image": "2", "d": 1}, {"name": "sidecar"}]
    assert adopt(inputs, applied, live) == [{"name": "a", "cpu": "1000m"}, {"name": "b", "image": "2"}]


def test_added_removed_and_reordered_items_are_drift():
    one, two, three = ({"name": name} for name in "abc")
    assert adopt([one, two], [one, two], [one, two, three]) == [one, two, three]
    assert adopt([one, two], [one, two], [two]) == [two]
    assert adopt([one, two], [one, two], [two, one]) == [two, one]
    assert adopt([1, 2], [1, 2], [1]) == [1]
    assert adopt([{"verbs": ["get"]}], [{"verbs": ["get"]}], [{"verbs": ["list"]}]) == [{"verbs": ["list"]}]


def test_a_reader_sees_drift_but_none_in_empty_values_that_the_api_server_leaves_out() -> None:
    inputs = {"annotations": {}, "env": [{"name": "A", "value": ""}, {"name": "B", "value": "1"}], "data": {"k": "v"}}
    live = {"env": [{"name": "A"}, {"name": "B", "value": "1"}], "data": {"k": "v"}, "uid": "added by the server"}
    assert adopt(inputs, untried(inputs, live), live) == inputs
    changed = {**live, "env": [{"name": "A", "value": "set"}, {"name": "B", "value": "1"}], "data": {}}
    assert adopt(inputs, untried(inputs, changed), changed) == {
        "annotations": {},
        "env": [{"name": "A", "value": "set"}, {"name": "B", "value": "1"}],
        "data": {},
    }
