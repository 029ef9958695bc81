"""`operate init --rotate`: what runs goes on by the old one until `pulumi up` has given the cluster the new one."""

from pathlib import Path

import pytest

from tests.operate.initiating import Place, place


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    made = place(tmp_path, monkeypatch, capsys)
    assert made.init("--environments", "staging,production")[0] == 0
    made.after_up()
    assert made.init(flags=False)[0] == 0
    return made


def test_the_former_deploy_key_opens_until_the_cluster_has_the_new_one(here: Place) -> None:
    (former,) = here.there("keys")
    stored = here.pulumi["config"]["deployKey"]
    code, said = here.init("--rotate", "deploy-key", flags=False)
    assert code == 0, said
    assert here.pulumi["config"]["deployKey"] != stored
    assert len(here.there("keys")) == 2
    code, said = here.init(flags=False)
    assert "the former deploy key goes with the next run after `pulumi up`" in said
    assert former in here.there("keys")
    here.after_up()
    code, said = here.init(flags=False)
    assert "acme/shop: former deploy key taken away" in said
    (key,) = here.there("keys")
    assert key["key"] != former["key"]


def test_a_webhook_secret_is_exchanged_in_the_steps_of_the_threat_model(here: Place) -> None:
    code, said = here.init("--rotate", "webhook", flags=False)
    assert code == 0, said
    calls = [call for call in here.pulumi["calls"] if "--path" in call]
    assert [call[-1] for call in calls] == [
        "tekton-delivery:listener.webhookSecret.acceptPrevious",
        "tekton-delivery:listener.webhookSecret.generation",
    ]
    config = here.pulumi["config"]
    assert config["listener.webhookSecret.generation"]["value"] == "2"
    assert config["listener.webhookSecret.acceptPrevious"]["value"] == "true"
    # As the CLI writes it.
    listener = "tekton-delivery:listener:\n    name: staging-github-el\n"
    exchanging = f"{listener}    webhookSecret: {{generation: 2, acceptPrevious: true}}\n"
    here.file.write_text(here.file.read_text().replace(listener, exchanging))
    here.alter(outputs={"listener": "https://hooks.example.com", "webhookSecret": "n" * 40})
    code, said = here.init(flags=False)
    assert "acme/shop: webhook mended" in said
    assert "take `listener.webhookSecret.acceptPrevious` out of the stack file" in said
    (hook,) = here.there("hooks")
    assert hook["config"]["secret"] == "n" * 40
    code, said = here.init("--rotate", "webhook", flags=False)
    assert (code, "is being exchanged already" in said) == (1, True)


def test_the_former_mark_is_still_believed(here: Place) -> None:
    before = here.pulumi["config"]
    code, said = here.init("--rotate", "mark", flags=False)
    assert code == 0, said
    after = here.pulumi["config"]
    assert after["markPublicKeyBefore1"] == before["markPublicKey"]
    assert after["mark.formerPublicKeys[0].config"]["value"] == "markPublicKeyBefore1"
    assert all(after[name] != before[name] for name in ("markKey", "markPassword", "markPublicKey"))


@pytest.mark.parametrize(("what", "asks"), [("webhook", False), ("mark", False), ("deploy-key", True)])
def test_the_forges_token_is_asked_for_where_the_forge_hears_of_it(
    here: Place, monkeypatch: pytest.MonkeyPatch, what: str, asks: bool
) -> None:
    monkeypatch.delenv("FORGE_TOKEN")
    before = list(here.github.writes)
    code, said = here.init("--rotate", what, flags=False)
    assert (code, "missing: $FORGE_TOKEN" in said) == (int(asks), asks), said
    assert here.github.writes == before


def test_what_is_not_there_cannot_be_rotated(here: Place) -> None:
    code, said = here.init("--rotate", "mark", stack="other", flags=False)
    assert (code, "there is no Pulumi.other.yaml" in said) == (1, True)
