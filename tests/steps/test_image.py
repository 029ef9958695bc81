"""What pod 1 says of an image is read as its clients read it, or refused."""

import json
import time
from typing import Any

import pytest

from steps.image import wrong_manifest, wrong_platform

DIGEST = f"sha256:{'a' * 64}"
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": DIGEST, "size": 10}
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 10}
MANIFEST: dict[str, Any] = {"schemaVersion": 2, "config": CONFIG, "layers": [LAYER]}
PLATFORM = '{"os": "linux", "architecture": "amd64"}'


def test_the_control_is_taken() -> None:
    assert wrong_manifest(json.dumps(MANIFEST).encode(), "1Gi") is None
    assert wrong_platform(PLATFORM.encode(), "linux/amd64") is None


@pytest.mark.parametrize("name", ["layers", "config", "schemaVersion"])
def test_a_name_that_stands_twice_is_refused(name: str) -> None:
    """Go's clients keep of the first one what the second one leaves out: where a layer lies, for example."""
    elsewhere = {"layers": [LAYER | {"urls": ["http://169.254.169.254/"]}], "config": CONFIG | {"urls": []}}.get(name, 1)
    twice = f'{{"{name}": {json.dumps(elsewhere)}, {json.dumps(MANIFEST)[1:]}'
    assert "twice" in str(wrong_manifest(twice.encode(), "1Gi"))


def test_so_is_one_within_a_layer_and_one_of_the_configuration() -> None:
    within = json.dumps(MANIFEST).replace('"size": 10}]', '"size": 10, "size": 11}]')
    assert "twice" in str(wrong_manifest(within.encode(), "1Gi"))
    assert "twice" in str(wrong_platform(b'{"os": "windows", ' + PLATFORM[1:].encode(), "linux/amd64"))


def test_many_values_take_no_longer_than_one() -> None:
    text = b"1 " * 2_000_000
    begun = time.process_time()
    assert "none" in str(wrong_platform(text, "linux/amd64"))
    assert "no manifest" in str(wrong_manifest(text, "1Gi"))
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("value", ["[" * 993 + "]" * 993, "1e400", "[1]"], ids=["deep", "infinite", "a list"])
def test_a_word_that_is_none_is_refused(value: str) -> None:
    kind = json.dumps(MANIFEST)[:-1] + f', "mediaType": {value}}}'
    assert "of the type" in str(wrong_manifest(kind.encode(), "1Gi")) or "no JSON" in str(
        wrong_manifest(kind.encode(), "1Gi")
    )
    variant = PLATFORM[:-1] + f', "variant": {value}}}'
    assert wrong_platform(variant.encode(), "linux/arm64")
