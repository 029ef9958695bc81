"""The stand-in for random."""

import string
from types import SimpleNamespace

import bcrypt
import pytest
from pulumi.runtime.proto import provider_pb2

from local.plugins.random import generate
from local.plugins.random.provider import RandomProvider
from local.plugins.server import MARKER, RefusalError
from local.plugins.wire import UNKNOWN, Bag, decode, encode

PASSWORD = "random:index/randomPassword:RandomPassword"


def provider():
    return RandomProvider(SimpleNamespace(info=lambda *a, **k: None))


def create(inputs, type_=PASSWORD, preview=False):
    request = provider_pb2.CreateRequest(urn="u", type=type_, properties=encode(Bag(inputs)), preview=preview)
    return provider().Create(request, None)


def test_minimums_length_and_alphabet_are_honoured():
    inputs = {"length": 12, "minUpper": 3, "minNumeric": 3, "minSpecial": 3, "lower": False, "overrideSpecial": "_-"}
    seen = set()
    for _ in range(50):
        result = generate.text(inputs)["result"]
        seen.add(result)
        assert len(result) == 12
        assert set(result) <= set(string.ascii_uppercase + string.digits + "_-")
        for characters in (string.ascii_uppercase, string.digits, "_-"):
            assert sum(character in characters for character in result) >= 3
    assert len(seen) == 50


def test_number_is_the_old_name_of_numeric():
    assert not set(generate.text({"length": 200, "number": False})["result"]) & set(string.digits)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "length is None"),
        ({"length": 0}, "from 1 on"),
        ({"length": 2, "minUpper": 3}, "minimums add up to 3"),
        ({"length": 2, "minUpper": -1}, "minUpper is -1"),
        ({"length": 2, "upper": False, "lower": False, "numeric": False, "special": False}, "nothing to choose from"),
    ],
)
def test_what_cannot_be_generated_is_a_check_failure(inputs, message):
    with pytest.raises(RefusalError, match=message):
        generate.text(inputs)
    answer = provider().Check(provider_pb2.CheckRequest(type=PASSWORD, news=encode(Bag(inputs))), None)
    assert message in answer.failures[0].reason


def test_an_unknown_input_or_type_is_a_check_failure():
    for type_, inputs in ((PASSWORD, {"length": 8, "unknown": 1}), ("random:index/randomPet:RandomPet", {})):
        answer = provider().Check(provider_pb2.CheckRequest(type=type_, news=encode(Bag(inputs))), None)
        assert answer.failures


def test_a_password_and_its_hash_are_secret():
    outputs = decode(create({"length": 100}).properties)
    assert outputs.secrets == {("result",), ("bcryptHash",)}
    assert outputs.value[MARKER] is True
    # bcrypt reads 72 bytes at most.
    assert bcrypt.checkpw(outputs.value["result"].encode()[:72], outputs.value["bcryptHash"].encode())


def test_a_preview_promises_no_value():
    assert "result" not in decode(create({"length": 8}, preview=True).properties).value


def test_ids():
    answer = create({"byteLength": 4, "prefix": "p-"}, "random:index/randomId:RandomId")
    outputs = decode(answer.properties).value
    assert outputs["hex"] == f"p-{int(outputs['dec'].removeprefix('p-')):08x}"
    assert outputs["b64Url"] == f"p-{answer.id}"
    string_answer = create({"length": 8}, "random:index/randomString:RandomString")
    assert string_answer.id == decode(string_answer.properties).value["result"]


def test_any_changed_input_makes_a_new_value():
    def diff(old, new):
        request = provider_pb2.DiffRequest(
            old_inputs=encode(Bag(old)), news=encode(Bag(new)), olds=encode(Bag({MARKER: True}))
        )
        return list(provider().Diff(request, None).replaces)

    assert diff({"length": 8}, {"length": 8}) == []
    assert diff({"length": 8, "keepers": {"a": "1"}}, {"length": 8, "keepers": {"a": "2"}}) == ["keepers"]
    assert diff({"length": 8}, {"length": UNKNOWN}) == ["length"]
