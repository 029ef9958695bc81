"""The stand-in for kubernetes: what becomes of an object's inputs, and what a preview foresees."""

import base64

from local.plugins.kubernetes import objects
from local.plugins.kubernetes.kinds import Kind
from local.plugins.wire import UNKNOWN, Bag
from tests.local.kubernetes_kinds import SECRET


def test_a_secrets_text_becomes_base64_and_all_of_it_is_secret():
    bag = Bag({"stringData": {"a": "x"}, "data": {"b": "eQ=="}}, frozenset({("stringData", "a")}))
    normal = objects.normalise(SECRET, bag)
    assert normal.value["data"] == {"a": base64.b64encode(b"x").decode(), "b": "eQ=="}
    assert "stringData" not in normal.value
    assert normal.secrets == {("data",)}


def test_a_secret_that_is_not_known_yet_stays_as_it_is():
    normal = objects.normalise(SECRET, Bag({"stringData": {"a": UNKNOWN}}))
    assert normal.value["stringData"] == {"a": UNKNOWN}
    assert normal.secrets == {("stringData",)}


def test_names():
    value = {"metadata": {}}
    objects.assign_name(value, Bag(), "Settings", b"seed", None)
    assert value["metadata"]["name"].startswith("settings-")
    assert len(value["metadata"]["name"]) == len("settings-") + 8
    again = {}
    objects.assign_name(again, Bag(), "Settings", b"seed", None)
    assert again == value, "a preview and its update choose the same name"
    kept = {}
    objects.assign_name(kept, Bag(value), "Settings", b"other", None)
    assert kept == value, "an object keeps its name"
    named = {"metadata": {"name": "mine"}}
    objects.assign_name(named, Bag(value), "Settings", b"seed", None)
    assert named == {"metadata": {"name": "mine"}}


def test_a_preview_says_explicitly_what_only_the_server_knows():
    service = Kind("v1", "Service")
    outputs = objects.foreseen(service, Bag({"metadata": {"name": "a"}, "spec": {"ports": []}}), Bag(), "m")
    assert outputs.value["metadata"]["uid"] is UNKNOWN
    assert outputs.value["spec"]["clusterIP"] is UNKNOWN
    update = objects.foreseen(service, Bag({"metadata": {"name": "a"}}), Bag({"metadata": {"uid": "u"}}), "m")
    assert update.value["metadata"]["uid"] == "u"


def test_ignored_paths_are_treated_as_the_official_plugin_does():
    live = {
        "metadata": {
            "managedFields": [
                {"manager": "scaler", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                {"manager": "us", "fieldsV1": {"f:spec": {"f:limit": {}}}},
            ]
        },
        "spec": {"replicas": 5, "limit": 7},
    }
    value = {"spec": {"replicas": 1, "limit": 1, "containers": [{"image": "stale"}]}}
    paths = ["spec.replicas", "spec.limit", "spec.containers[0].image"]
    assert objects.with_ignored(value, live, paths, "us") == {"spec": {"limit": 7, "containers": [{"image": "stale"}]}}
