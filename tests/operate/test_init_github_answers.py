"""GitHub's answers to `operate init` and their form, and a stand-in that takes no field which GitHub does not know."""

from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from githubkit_schemas.v2026_03_10 import models

from operate.errors import OperateError
from operate.init.app import AppForge
from operate.init.github import GitHubForge
from operate.init.registered import Rule
from tests.operate.github import GitHub, unknown


def test_fields_that_github_does_not_know_are_noticed() -> None:
    """A control of the stand-in."""
    right = {"name": "web", "config": {"url": "https://x", "secret": "y"}, "events": ["push"]}
    assert unknown(models.ReposOwnerRepoHooksPostBody, right) == ""
    assert unknown(models.ReposOwnerRepoHooksPostBody, right | {"webhook": 1}) == "webhook"
    wrong = right | {"config": {"uri": "https://x"}}
    assert unknown(models.ReposOwnerRepoHooksPostBody, wrong) == "config.uri"
    rule: dict[str, Any] = {"type": "required_status_checks", "parameters": {"required_status_checks": [{"app_id": 1}]}}
    body = {"name": "x", "enforcement": "active", "rules": [rule]}
    assert unknown(models.ReposOwnerRepoRulesetsPostBody, body) != ""


def test_a_ruleset_of_others_is_never_the_stacks() -> None:
    github = GitHub()
    github.add("acme/shop")
    github.put("acme/shop", "rulesets", {"name": "theirs", "enforcement": "active", "rules": [{"type": "deletion"}]})
    (found,) = GitHubForge("https://api.github.com", "t", github.transport()).rules("acme/shop")
    assert not found.same(Rule("theirs", ("main",), ("tekton-delivery/promotable",), 99))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, json={"full_name": "acme/shop"}), "not of GitHub's published form"),
        (httpx.Response(301, headers={"Location": "https://evil.example"}), "the forge answers 301"),
        (httpx.Response(403, text="<html>"), "the forge answers 403: <html>"),
    ],
)
def test_an_answer_that_is_no_answer_is_one_error(answer: httpx.Response, error: str) -> None:
    forge = GitHubForge("https://api.github.com", "t", httpx.MockTransport(lambda request: answer))
    with pytest.raises(OperateError, match=error):
        forge.repository("acme/shop")


def test_host_keys_are_taken_from_github_by_tls_alone() -> None:
    github = GitHub()
    assert GitHubForge("http://127.0.0.1/api", "t", github.transport()).host_keys() == []
    assert len(GitHubForge("https://api.github.com", "t", github.transport()).host_keys()) == 1


@pytest.mark.parametrize("most", [99, 100, 250])
def test_all_pages_of_an_apps_installations_and_repositories_are_read(most: int) -> None:
    """Its owner's installation is the last one: whose others are, nobody here asks what they are for."""
    github = GitHub(strangers=list(range(1000, 1000 + most - 1)))
    names = [f"acme/shop-{number}" for number in range(most)]
    for name in names:
        github.add(name)
    forge = AppForge("https://api.github.com", "99", app_key(), github.transport())
    assert forge.installed_for() == names


def app_key() -> str:
    """An App's private key, as GitHub gives it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, plain = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def test_a_change_that_is_not_answered_may_have_been_made() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too long", request=request)

    forge = GitHubForge("https://api.github.com", "t", httpx.MockTransport(silent))
    with pytest.raises(OperateError, match="too long; it may have been made: run this again"):
        forge.add_key("acme/shop", "a", "ssh-ed25519 A")
    with pytest.raises(OperateError, match=r"too long$"):
        forge.repository("acme/shop")
