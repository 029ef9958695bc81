"""Properties on the wire: numbers, unknowns, secrets."""

import base64
import random

import pytest
from google.protobuf import json_format, struct_pb2

from local.plugins.paths import MISSING, assign, covers, discard, lookup, parse, render
from local.plugins.wire import UNKNOWN, Bag, WireError, decode, encode, has_unknown, mirror_secrets

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


def test_a_secret_is_found_where_the_server_moved_it():
    source = Bag({"env": [{"value": "correct horse"}]}, frozenset({("env", 0, "value")}))
    value = {
        "env": [{"value": "harmless"}, {"value": "correct horse"}],
        "annotation": "last applied: correct horse!",
        "data": base64.b64encode(b"correct horse").decode(),
        "other": "battery staple",
    }
    assert mirror_secrets(source, value) == {("env", 0, "value"), ("env", 1, "value"), ("annotation",), ("data",)}


def test_a_short_secret_is_only_looked_for_as_a_whole_value():
    source = Bag({"pin": "1234"}, frozenset({("pin",)}))
    assert mirror_secrets(source, {"same": "1234", "longer": "12345"}) == {("same",)}


def test_no_secret_reaches_the_wire_in_plain_text():
    # Random shapes: whatever is secret in the inputs must not be readable in the encoded outputs.
    generator = random.Random(7)
    for _ in range(200):
        source, texts = shape(generator)
        outputs = {"live": source.value, "moved": list(texts), "joined": " ".join(texts)}
        written = json_format.MessageToDict(encode(Bag(outputs, mirror_secrets(source, outputs))))
        assert not [text for text in texts if text in str(unsealed(written))]


def shape(generator):
    texts, secrets = [], set()

    def make(path):
        kind = generator.choice(["leaf", "leaf", "map", "list"]) if len(path) < 4 else "leaf"
        if kind == "map":
            return {key: make((*path, key)) for key in "ab"}
        if kind == "list":
            return [make((*path, index)) for index in range(2)]
        text = f"s3cret-{generator.getrandbits(64):x}"
        if generator.random() < 0.4:
            secrets.add(path)
            texts.append(text)
        return text

    return Bag({key: make((key,)) for key in "xy"}, frozenset(secrets)), texts


def unsealed(value):
    if isinstance(value, dict):
        return None if SIGNATURE in value else {key: unsealed(item) for key, item in value.items()}
    return [unsealed(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("spec.template.spec.containers[0].image", ("spec", "template", "spec", "containers", 0, "image")),
        ('metadata.labels["app.kubernetes.io/name"]', ("metadata", "labels", "app.kubernetes.io/name")),
        ('data["a\\"b[0]"]', ("data", 'a"b[0]')),
    ],
)
def test_paths_are_read_and_written_alike(text, path):
    assert parse(text) == path
    assert render(path) == text


def test_a_broken_path_is_refused():
    with pytest.raises(ValueError, match="character 5"):
        parse("spec[x]")


def test_a_path_covers_what_is_inside_it():
    assert covers(parse("spec.containers[*].image"), ("spec", "containers", 3, "image"))
    assert covers(("spec",), ("spec", "a"))
    assert not covers(("spec", "a"), ("spec",))


def test_lookup_assign_and_discard():
    value = {"a": [{"b": 1}]}
    assert lookup(value, ("a", 0, "b")) == 1
    assert lookup(value, ("a", 1)) is MISSING
    assert lookup(value, ("a", 0, "b", "c")) is MISSING
    assign(value, ("m", "n"), 2)
    discard(value, ("m", "n"))
    discard(value, ("no", "such"))
    assert value == {"a": [{"b": 1}], "m": {}}
