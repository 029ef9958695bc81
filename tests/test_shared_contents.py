"""What pull-request code can take opens nothing that only trusted steps are to open, by whatever name it goes."""

import json
from typing import Any

import pytest

from components.settings.errors import SettingsError
from components.settings.secret_checks import shared_contents
from offline.run import stack_config
from tests.support import stack_config_text
from tests.test_settings import VALID, load


def user(file: str, name: str) -> dict[str, Any]:
    return {"username": name, "password": {"file": file}}


def refused(**changed: str) -> str:
    """What is said of a stack in which each file holds its own name, but for those that are named here."""
    trusted = {"write": user("pushes", "pusher"), "delete": user("cleans", "cleaner"), "read": user("pulls", "puller")}
    quarantine = {
        "host": "quarantine.example",
        "read": user("builds", "builder"),
        "write": user("builds", "builder"),
        "delete": user("sweeps", "cleaner"),
    }
    base = {"host": "bases.example", "read": user("bases", "robot")}
    forge = {
        "apiUrl": "https://git.example/api/v1",
        "kind": "gitea",
        "https": {"url": "https://git.example", "token": {"file": "fetches"}},
        "token": {"file": "tells"},
    }
    application = {
        "name": "shop",
        "repository": "acme/shop",
        "buildSecrets": {"npm": {"file": "packages"}},
        "quarantine": user("own", "shop"),
    }
    config = {
        "forge": forge,
        "registry": {"host": "registry.example", "path": "acme"} | trusted,
        "build": {"quarantine": quarantine, "baseImages": {"docker.io": base}},
        "applications": [application],
    }

    loaded = load(stack_config(VALID) | stack_config_text(config)).settings
    return "\n".join(shared_contents(loaded, lambda source: changed.get(source.file or "", str(source.file)).strip()))


def test_a_stack_whose_credentials_differ_is_taken() -> None:
    assert refused() == ""


@pytest.mark.parametrize("trusted", ["pushes", "cleans", "sweeps", "tells"])
@pytest.mark.parametrize("untrusted", ["builds", "own", "bases", "packages", "fetches"])
def test_what_a_build_holds_is_no_trusted_steps(untrusted: str, trusted: str) -> None:
    """The user's name tells nothing: whoever has the password tries the others; a file may end with its line."""
    said = refused(**{untrusted: "one-secret\n", trusted: "one-secret"})
    assert f'.file = "{untrusted}": holds the same as `tekton-delivery:' in said
    assert "one-secret" not in said


def test_who_only_reads_may_be_one() -> None:
    assert refused(pulls="one-secret", bases="one-secret") == ""


def test_a_source_that_is_named_twice_needs_no_reading() -> None:
    forge = json.loads(stack_config(VALID)["tekton-delivery:forge"])
    application = {"name": "shop", "repository": "acme/shop", "buildSecrets": {"npm": forge["token"]}}
    with pytest.raises(SettingsError, match=r"holds the same as `tekton-delivery:forge\.token`"):
        load(stack_config(VALID) | stack_config_text({"applications": [application]}))
