"""`operate init` on GitHub: an App in a token's place, a rule that is pinned to it, and a key for each repository."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from operate.init.stack_file import deploy_key_of
from tests.operate.initiating import Place, place


@pytest.fixture(scope="module")
def private_key() -> bytes:
    """An App's, as GitHub gives it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, plain = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain)


@pytest.fixture
def here(private_key: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    made = place(tmp_path, monkeypatch, capsys)
    (tmp_path / "app.pem").write_bytes(private_key)
    return made


def app(here: Place, **changed: str) -> dict[str, str]:
    return {"app_id": "Iv23li", "app_key": str(here.root / "app.pem")} | changed


def test_an_app_in_the_tokens_place_with_a_rule_that_only_it_fulfils(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATUS_TOKEN")
    code, said = here.init("--branch-rules", **app(here))
    assert code == 0, said
    forge = here.config["tekton-delivery:forge"]
    assert forge["app"] == {"id": "Iv23li", "installationId": 4711, "privateKey": {"config": "forgeAppKey"}}
    assert forge.keys() == {"kind", "apiUrl", "app"}, "commits are fetched by the App"
    assert here.there("keys") == []
    assert not {"deployKey", "knownHosts", "forgeToken"} & here.pulumi["config"].keys()
    (rule,) = here.there("rulesets")
    assert rule["conditions"] == {"ref_name": {"include": ["refs/heads/trunk"], "exclude": []}}
    (wanted,) = rule["rules"]
    assert wanted["parameters"]["required_status_checks"] == [
        {"context": "tekton-delivery/promotable", "integration_id": 99}
    ]
    writes = list(here.github.writes)
    code, said = here.init("--branch-rules", flags=False)
    assert "acme/shop: branch rule unchanged" in said
    assert here.github.writes == writes
    rule["enforcement"] = "disabled"
    assert "acme/shop: branch rule mended" in here.init("--branch-rules", flags=False)[1]
    assert here.there("rulesets")[0]["enforcement"] == "active"
    assert "branch rule taken away" in here.init("--remove", flags=False)[1]
    assert here.there("rulesets") == []


def test_a_rule_for_any_source_is_mended(here: Place) -> None:
    here.init("--branch-rules", **app(here))
    del here.there("rulesets")[0]["rules"][0]["parameters"]["required_status_checks"][0]["integration_id"]
    assert "acme/shop: branch rule mended" in here.init("--branch-rules", flags=False)[1]
    assert here.there("rulesets")[0]["rules"][0]["parameters"]["required_status_checks"][0]["integration_id"] == 99


@pytest.mark.parametrize(
    ("changed", "granted", "error"),
    [
        ({}, {"statuses": "read"}, "it lacks statuses: write"),
        ({}, {"pull_requests": None}, "it lacks pull_requests: write"),
        ({}, {"pull_requests": "read"}, "it lacks pull_requests: write"),
        ({}, {"contents": None}, "it lacks contents: read"),
        ({"app_installation": "12"}, {}, "is installed for acme/shop as 4711, not as 12"),
        ({"app_installation": "x"}, {}, "--app-installation is the number"),
        ({"forge": "gitea"}, {}, "--app-id: Apps are GitHub's"),
    ],
)
def test_an_app_that_may_too_little_makes_nothing(
    here: Place, changed: dict[str, str], granted: dict[str, Any], error: str
) -> None:
    rights = {name: may for name, may in (here.github.granted | granted).items() if may}
    here.github.granted = rights
    code, said = here.init(**app(here, **changed))
    assert (code, error in said) == (1, True), said
    assert here.github.writes == []
    assert not here.file.exists()


@pytest.mark.parametrize(
    ("said", "granted", "error"),
    [
        ({"comment": False}, {"pull_requests": "read"}, ""),
        ({}, {"pull_requests": "read"}, "it lacks pull_requests: write"),
        ({"deployments": True}, {}, "it lacks deployments: write"),
        ({"deployments": True}, {"deployments": "write"}, ""),
        ({"okToTest": {}}, {"metadata": None}, "it lacks metadata: read"),
    ],
)
def test_a_stack_file_s_settings_decide_what_its_app_has_to_be_granted(
    here: Place, said: dict[str, Any], granted: dict[str, Any], error: str
) -> None:
    here.init(**app(here))
    content = yaml.safe_load(here.file.read_text())
    content["config"]["tekton-delivery:forge"] |= said
    here.file.write_text(yaml.safe_dump(content))
    here.github.granted = {name: may for name, may in (here.github.granted | granted).items() if may}
    code, told = here.init(flags=False)
    assert (code, error in told) == (1 if error else 0, True), told


def test_a_key_that_is_none_is_one_error(here: Place) -> None:
    (here.root / "app.pem").write_text("-----BEGIN NOTHING-----\n")
    code, said = here.init(**app(here))
    assert (code, "private key (--app-key) is none that GitHub gives" in said) == (1, True), said
    assert "BEGIN NOTHING" not in said
    assert here.github.writes == []


# --- an App and no administrator's token ---


@pytest.fixture
def alone(here: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Nobody has more than the App, and the registries' passwords."""
    monkeypatch.delenv("FORGE_TOKEN")
    monkeypatch.delenv("STATUS_TOKEN")
    return here


def test_an_app_registers_its_own_webhook_and_asks_for_no_token(alone: Place) -> None:
    code, said = alone.init(**app(alone))
    assert code == 0, said
    assert alone.github.writes == []
    assert alone.github.tokens == [{"repositories": ["shop"], "permissions": {"metadata": "read"}}]
    assert alone.config["tekton-delivery:applications"][0]["baseBranch"] == "trunk"
    alone.after_up()
    code, said = alone.init(flags=False)
    assert (code, "acme/shop: webhook registered" in said) == (0, True), said
    assert alone.github.writes == ["PATCH /app/hook/config"]
    assert alone.github.hook
    assert alone.github.hook.items() >= {"content_type": "json", "insecure_ssl": "0", "secret": "w" * 40}.items()
    assert alone.github.hook["url"].startswith("https://hooks.example.com/?tekton-delivery=staging.")
    code, said = alone.init(flags=False)
    assert (code, "acme/shop: webhook unchanged" in said) == (0, True), said
    assert len(alone.github.writes) == 1
    assert alone.there("hooks") == alone.there("keys") == []


@pytest.mark.parametrize(("selection", "asked"), [("selected", False), ("all", True)])
def test_the_repositories_are_those_that_the_app_was_installed_for(alone: Place, selection: str, asked: bool) -> None:
    alone.github.selection = selection
    code, said = alone.init(**app(alone), repository="")
    assert (code, "name with --repository" in said) == (int(asked), asked), said
    if not asked:
        assert [each["repository"] for each in alone.config["tekton-delivery:applications"]] == ["acme/shop"]


def test_what_strangers_installed_a_public_app_for_is_no_application(alone: Place) -> None:
    alone.github.strangers = [666]
    code, said = alone.init(**app(alone), repository="")
    assert code == 0, said
    assert [each["repository"] for each in alone.config["tekton-delivery:applications"]] == ["acme/shop"]


def test_one_webhook_of_an_app_is_for_all_repositories(alone: Place) -> None:
    alone.github.add("acme/api")
    assert alone.init("--repository", "acme/api", **app(alone))[0] == 0
    alone.after_up()
    code, said = alone.init(flags=False)
    assert (code, "acme/api: webhook unchanged" in said) == (0, True), said
    assert alone.github.writes == ["PATCH /app/hook/config"]


def test_a_webhook_of_the_app_that_is_not_the_stacks_stays(alone: Place) -> None:
    assert alone.init(**app(alone))[0] == 0
    alone.after_up()
    for url, whose in (
        ("https://others.example.net/?tekton-delivery=production.0123", "another stack's, https://others.example.net"),
        ("https://chat.example.net/github", "somebody's, https://chat.example.net/github"),
    ):
        alone.github.hook = {"url": url}
        code, said = alone.init(flags=False)
        assert (code, whose in said) == (1, True), said
        assert alone.github.hook == {"url": url}


def test_a_webhook_that_is_off_and_events_that_are_not_heard_are_told(alone: Place) -> None:
    alone.github.hook = None
    code, said = alone.init(**app(alone))
    assert (code, "tick Active, with https://example.com/ for now" in said) == (1, True), said
    assert not alone.file.exists()
    alone.github.hook = {"url": "https://example.com/"}
    assert alone.init(**app(alone))[0] == 0
    alone.after_up()
    alone.github.hears = ("pull_request",)
    code, said = alone.init(flags=False)
    assert (code, "the App Iv23li does not hear of push" in said) == (1, True), said


def test_removing_has_the_apps_webhook_lead_nowhere(alone: Place) -> None:
    assert alone.init(**app(alone))[0] == 0
    alone.after_up()
    assert alone.init(flags=False)[0] == 0
    code, said = alone.init("--remove", flags=False)
    assert (code, "acme/shop: webhook taken away" in said, "if $FORGE_TOKEN registered" in said) == (0, True, True), said
    assert alone.github.hook
    assert alone.github.hook["url"] == "https://example.com/"


def test_deploy_keys_beside_an_app_take_an_administrator(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here.init()[0] == 0
    config = here.config
    forge = config["tekton-delivery:forge"]
    del forge["token"]
    forge["app"] = {"id": "Iv23li", "installationId": 4711, "privateKey": {"file": "app.pem"}}
    here.file.write_text(yaml.safe_dump({"config": config}))
    here.after_up()
    writes = list(here.github.writes)
    with monkeypatch.context() as without:
        without.delenv("FORGE_TOKEN")
        code, said = here.init(flags=False)
    assert (code, "missing: $FORGE_TOKEN" in said) == (1, True), said
    assert here.github.writes == writes
    code, said = here.init(flags=False)
    assert (code, "acme/shop: deploy key unchanged" in said) == (0, True), said


def test_a_rule_takes_an_administrator(alone: Place) -> None:
    code, said = alone.init("--branch-rules", **app(alone))
    assert (code, "missing: $FORGE_TOKEN" in said) == (1, True), said


# --- an App with an administrator ---


def test_an_app_is_found_where_it_is_installed(here: Place) -> None:
    here.github.installed["globex"] = 815
    here.github.add("globex/till")
    code, said = here.init("--repository", "globex/till", **app(here))
    assert code == 0, said
    found = here.config["tekton-delivery:forge"]["app"]
    assert (found["installationId"], found["installations"]) == (4711, {"globex": 815})
    assert here.init(flags=False)[0] == 0


def test_an_app_that_is_not_installed_makes_nothing(here: Place) -> None:
    here.github.installed["acme"] = 0
    code, said = here.init(**app(here))
    assert (code, "the App Iv23li is not installed for acme/shop" in said) == (1, True), said
    assert here.github.writes == []
    assert not here.file.exists()


@pytest.mark.parametrize("lacking", ["app_id", "app_key"])
def test_half_an_app_is_none(here: Place, lacking: str) -> None:
    given = {name: value for name, value in app(here).items() if name != lacking}
    code, said = here.init(**given)
    assert (code, f"needs --{lacking.replace('_', '-')} beside it" in said) == (1, True), said


def test_a_rule_without_an_app_is_refused(here: Place) -> None:
    code, said = here.init("--branch-rules")
    assert (code, "--branch-rules pins the check to its App" in said) == (1, True), said
    assert here.init()[0] == 0
    code, said = here.init("--branch-rules", flags=False)
    assert (code, "it has no `forge.app`" in said) == (1, True), said


def test_a_deploy_key_that_another_repository_has_is_told(here: Place) -> None:
    here.init()
    (key,) = here.there("keys")
    here.github.add("acme/other")
    here.github.put("acme/other", "keys", dict(key))
    here.github.repositories["acme/shop"]["keys"].clear()
    code, said = here.init(flags=False)
    assert (code, "the forge answers 422: Validation Failed; key is already in use" in said) == (1, True), said


def test_each_repository_has_a_key_of_its_own(here: Place) -> None:
    here.github.add("acme/api")
    code, said = here.init("--repository", "acme/api")
    assert code == 0, said
    (shop,), (api,) = here.there("keys"), here.there("keys", "acme/api")
    assert shop["key"] != api["key"]
    assert {"deployKey-acme.shop", "deployKey-acme.api"} <= here.pulumi["config"].keys()
    writes = list(here.github.writes)
    assert here.init(flags=False)[0] == 0
    assert here.github.writes == writes


def test_names_of_keys_are_keys_of_a_configuration() -> None:
    assert deploy_key_of("acme/shop.web_1") == "deployKey-acme.shop.web_1"
    assert deploy_key_of("acme/shop-web") != deploy_key_of("acme-shop/web"), "one key would open both"
