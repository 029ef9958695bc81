"""Properties on the wire: numbers, unknowns, secrets."""

import pytest
from google.protobuf import json_format, struct_pb2

from local.plugins.wire import UNKNOWN, Bag, WireError, decode, encode, has_unknown, render

SIGNATURE = "4dabf18193072939515e22adb298388d"
SEALED = "1b47061264138c4ac30d75fd1eb44270"
COMPUTED = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def struct(value):
    return json_format.ParseDict(value, struct_pb2.Struct())


def secret(value):
    return {SIGNATURE: SEALED, "value": value}


def test_whole_numbers_are_integers_and_others_are_not():
    value = decode(struct({"replicas": 2, "share": 0.5, "on": True, "none": None, "list": [1, None]})).value
    assert value == {"replicas": 2, "share": 0.5, "on": True, "list": [1, None]}
    assert type(value["replicas"]) is int
    assert value["on"] is True


def test_unknowns_are_found_at_any_depth_and_survive():
    bag = decode(struct({"a": [{"b": COMPUTED}]}))
    assert bag.value["a"][0]["b"] is UNKNOWN
    assert has_unknown(bag.value)
    assert not has_unknown({"a": ["b"]})
    assert json_format.MessageToDict(encode(bag)) == {"a": [{"b": COMPUTED}]}


def test_secrets_are_paths_exact_to_the_leaf():
    wire = {"env": [{"name": "A", "value": secret("x")}, {"name": "B", "value": "y"}], "whole": secret({"k": "v"})}
    bag = decode(struct(wire))
    assert bag.value == {"env": [{"name": "A", "value": "x"}, {"name": "B", "value": "y"}], "whole": {"k": "v"}}
    assert bag.secrets == {("env", 0, "value"), ("whole",)}
    assert json_format.MessageToDict(encode(bag)) == wire


def test_a_secret_inside_a_secret_is_sealed_once():
    bag = Bag({"a": {"b": "c"}}, frozenset({("a",), ("a", "b")}))
    assert json_format.MessageToDict(encode(bag)) == {"a": secret({"b": "c"})}


@pytest.mark.parametrize(
    ("signature", "what"),
    [("c44067f5952c0a294b673a41bacd8c17", "asset"), ("d0e6a833031e9bbcd3f4e8bde6ca49a4", "output"), ("?", "unknown")],
)
def test_what_cannot_be_carried_is_named(signature, what):
    with pytest.raises(WireError, match=rf"'data\.file' is .*{what}"):
        decode(struct({"data": {"file": {SIGNATURE: signature}}}))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("keepers", "list", 0, "a"), "keepers.list[0].a"),
        (("keepers", "a.b/c"), 'keepers["a.b/c"]'),
        (("keepers", 'a"b[0]'), 'keepers["a\\"b[0]"]'),
    ],
)
def test_paths_are_written_as_the_engine_does(path, text):
    assert render(path) == text
