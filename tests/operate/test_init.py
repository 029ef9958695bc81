"""`operate init`: a stack from nothing, twice the same, nothing half-made, and nothing of anybody else's touched."""

import re
import stat
from pathlib import Path

import pytest

from tests.operate.github import HOST_KEY
from tests.operate.initiating import SECRETS, WEBHOOK, Place, place


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    return place(tmp_path, monkeypatch, capsys)


def test_a_stack_from_nothing(here: Place) -> None:
    code, said = here.init()
    assert code == 0, said
    assert here.pulumi["stacks"] == ["staging"]
    (key,) = here.there("keys")
    assert (key["title"], key["read_only"]) == ("tekton-delivery staging", True)
    assert re.fullmatch("ssh-ed25519 [A-Za-z0-9+/=]+", key["key"])
    stored = here.pulumi["config"]
    assert {name for name, entry in stored.items() if entry["secret"]} == {
        *("deployKey", "forgeToken", "registryPassword", "quarantinePassword", "markKey", "markPassword")
    }
    assert stored["knownHosts"] == {"value": f"github.com {HOST_KEY}", "secret": False}
    assert here.config["tekton-delivery:applications"] == [
        {"name": "shop", "repository": "acme/shop", "baseBranch": "trunk"}
    ]
    assert "left 1. `pulumi up --stack staging`" in said
    assert "left 2. `python -m operate init staging` once more" in said


def test_after_pulumi_up_it_registers_the_webhook_and_then_changes_nothing(here: Place) -> None:
    here.init()
    here.after_up()
    code, said = here.init()
    assert code == 0, said
    (hook,) = here.there("hooks")
    assert hook["config"].items() >= {"content_type": "json", "secret": WEBHOOK, "insecure_ssl": "0"}.items()
    assert re.fullmatch(r"https://hooks\.example\.com/\?tekton-delivery=staging\.[0-9a-f]{12}", hook["config"]["url"])
    assert (sorted(hook["events"]), hook["active"]) == (["pull_request", "push"], True)
    writes, file, stored = list(here.github.writes), here.file.read_text(), here.pulumi["config"]
    code, said = here.init(flags=False)
    assert code == 0, said
    assert {line for line in said.splitlines() if not line.endswith("unchanged")} == set()
    assert (here.github.writes, here.file.read_text(), here.pulumi["config"]) == (writes, file, stored)


def test_what_is_wrong_is_mended_and_what_is_others_is_left(here: Place) -> None:
    here.init()
    here.after_up()
    here.init()
    theirs = {"config": {"url": "https://ci.example.com/hook", "content_type": "form"}, "events": ["push"], "active": True}
    here.github.put("acme/shop", "hooks", theirs)
    here.github.put("acme/shop", "keys", {"title": "a person's", "key": "ssh-ed25519 QUFB", "read_only": False})
    here.there("keys")[0]["read_only"] = False
    here.there("hooks")[0]["events"] = ["push"]
    code, said = here.init(flags=False)
    assert code == 0, said
    assert "acme/shop: deploy key mended" in said
    assert "acme/shop: webhook mended" in said
    assert sorted(each["read_only"] for each in here.there("keys")) == [False, True]
    assert [sorted(each["events"]) for each in here.there("hooks")] == [["pull_request", "push"], ["push"]]
    here.alter(outputs={"listener": "https://hooks.example.com", "webhookSecret": "x" * 40})
    code, said = here.init(flags=False)
    assert "acme/shop: webhook mended" in said, "a new secret"
    assert here.there("hooks")[0]["config"]["secret"] == "x" * 40
    assert here.there("hooks")[1] == theirs


def test_a_webhook_that_was_entered_by_hand_becomes_the_stacks(here: Place) -> None:
    here.init()
    here.after_up()
    by_hand = {"url": "https://hooks.example.com", "content_type": "form", "secret": "wrong"}
    here.github.put("acme/shop", "hooks", {"config": by_hand, "events": ["pull_request"], "active": True})
    assert "acme/shop: webhook mended" in here.init()[1]
    (hook,) = here.there("hooks")
    assert hook["config"]["secret"] == WEBHOOK


def test_it_takes_back_what_it_registered_and_nothing_else(here: Place) -> None:
    here.github.put(
        "acme/shop", "keys", {"title": "tekton-delivery production", "key": "ssh-ed25519 QUFB", "read_only": True}
    )
    hook = {"url": "https://hooks.example.com/?tekton-delivery=production.0123456789ab", "content_type": "json"}
    here.github.put("acme/shop", "hooks", {"config": hook, "events": ["push"], "active": True})
    before = [here.there("keys"), here.there("hooks")]
    here.init()
    here.after_up()
    here.init()
    code, said = here.init("--remove", flags=False)
    assert code == 0, said
    assert "acme/shop: webhook and deploy key taken away" in said
    assert [here.there("keys"), here.there("hooks")] == before
    assert here.file.exists()
    assert "acme/shop: nothing of staging" in here.init("--remove", flags=False)[1]


def test_without_a_terminal_one_error_lists_all_that_is_missing(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATUS_TOKEN")
    code, said = here.init(registry="", images="")
    assert code == 1
    assert said.count("\n") == 1
    for missing in ("--registry (", "--images (", "$STATUS_TOKEN ("):
        assert missing in said
    for given in ("--repository (", "--context (", "$FORGE_TOKEN ("):
        assert given not in said


def test_what_images_printed_is_found_where_the_document_puts_it(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here.root)
    code, said = here.init(images="")
    assert code == 0, said
    assert here.config["tekton-delivery:toolsImage"].startswith("ghcr.io/acme/platform/tools@sha256:")


def test_who_sits_at_a_terminal_is_asked(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATUS_TOKEN")
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda text: (asked.append(text), "ghcr.io/acme")[1])
    monkeypatch.setattr("getpass.getpass", lambda text: (asked.append(text), "a-token")[1])
    code, said = here.init(registry="")
    assert code == 0, said
    assert [text.partition(",")[0] for text in asked] == [
        "where images are",
        "token that sets commit statuses; the stack keeps it: ",
    ]
    assert here.pulumi["config"]["forgeToken"]["value"] == "a-token"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"context": "other"}, "--context other: "),
        ({"repository": "shop"}, "--repository shop: must be owner/name"),
        ({"repository": "acme/gone"}, "/repos/acme/gone: the forge answers 404"),
        ({"registry": "GHCR.io/acme"}, "tekton-delivery:registry.host"),
        ({"quarantine": "ghcr.io/acme"}, "is `registry` itself"),
        ({"images": "/nowhere"}, "--images /nowhere: No such file"),
        ({"environments": "a,b,c"}, "--environments: a longer chain"),
        ({"listener_host": "hooks.example.com"}, "--listener-host and --ingress-class go together"),
        ({"app_id": "Iv23li"}, "--app-id needs --app-key beside it"),
        ({"host_keys": "/nowhere"}, "--host-keys /nowhere: No such file"),
    ],
)
def test_a_wrong_value_is_one_error_and_nothing_is_made(here: Place, changed: dict[str, str], error: str) -> None:
    code, said = here.init(**changed)
    assert (code, error in said) == (1, True), said
    assert not here.file.exists()
    assert here.github.writes == []
    assert not (here.root / "stub.json").exists() or here.pulumi["stacks"] == []


def test_who_writes_to_quarantine_must_not_write_to_the_registry(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARANTINE_PASSWORD", SECRETS["REGISTRY_PASSWORD"])
    code, said = here.init(quarantine_user="acme-bot")
    assert (code, "also writes to `registry`" in said) == (1, True), said
    assert not here.file.exists()


@pytest.mark.parametrize("inside", ["http://el-staging-github-el.staging-ci.svc.cluster.local:8080"])
def test_a_listener_that_only_its_cluster_knows_needs_a_way_to_it(here: Place, inside: str) -> None:
    here.init()
    here.after_up(inside)
    code, said = here.init(flags=False)
    assert code == 0, said
    assert f"--listener-url URL, or `listener.exposure` in the stack file and `pulumi up`: {inside}" in said
    assert here.there("hooks") == []
    assert here.init("--listener-url", "https://tunnel.example.com/staging", flags=False)[0] == 0
    (hook,) = here.there("hooks")
    assert hook["config"]["url"].startswith("https://tunnel.example.com/staging?tekton-delivery=staging.")
    writes = list(here.github.writes)
    assert "acme/shop: webhook unchanged" in here.init(flags=False)[1]
    assert here.github.writes == writes


def test_comments_are_heard_where_forks_are_tested(here: Place) -> None:
    here.init()
    here.after_up()
    token = "    token: {config: forgeToken}\n"
    here.file.write_text(here.file.read_text().replace(token, f"{token}    okToTest: {{token: {{config: reader}}}}\n"))
    assert here.init(flags=False)[0] == 0
    assert sorted(here.there("hooks")[0]["events"]) == ["issue_comment", "pull_request", "push"]


def test_a_stack_file_that_the_program_refuses_is_told_before_anything_is_asked(here: Place) -> None:
    here.init()
    here.file.write_text(here.file.read_text().replace("kind: github", "kind: gitlab"))
    writes = list(here.github.writes)
    code, said = here.init(flags=False)
    assert (code, "tekton-delivery:forge.kind" in said) == (1, True), said
    assert here.github.writes == writes


def test_who_does_not_administer_the_repository_makes_nothing(here: Place) -> None:
    here.github.administers = False
    code, said = here.init()
    assert code == 1
    assert "$FORGE_TOKEN does not administer acme/shop" in said
    assert not here.file.exists()
    assert here.github.writes == []


def test_a_run_that_ends_in_the_middle_says_what_was_made_and_goes_on(here: Place) -> None:
    here.github.fails = lambda method, path: method == "POST"
    code, said = here.init()
    assert code == 1
    assert "POST https://api.github.com/repos/acme/shop/keys: the forge answers 502: Server Error" in said
    assert "done before that:\n  Pulumi.staging.yaml: written\n  stack staging: made\n  forgeToken: stored" in said
    key = here.pulumi["config"]["deployKey"]
    here.github.fails = lambda method, path: False
    code, said = here.init()
    assert code == 0, said
    assert here.pulumi["config"]["deployKey"] == key
    assert len(here.there("keys")) == 1


def test_a_store_that_fails_leaves_a_run_that_can_be_taken_up(here: Place) -> None:
    (here.root / "stub.json").write_text('{"stacks": [], "config": {}, "calls": [], "state": [], "fails": "markKey"}')
    code, said = here.init()
    assert code == 1
    assert "markKey was refused" in said
    here.alter(fails=None)
    assert here.init()[0] == 0
    assert {"markKey", "markPassword"} <= here.pulumi["config"].keys()


def test_the_stack_file_is_its_owners_and_a_flag_that_says_otherwise_is_refused(here: Place) -> None:
    here.init()
    for name, value in {"registry": "ghcr.io/other", "repository": "acme/other", "environments": "qa"}.items():
        code, said = here.init(**{name: value})
        assert code == 1
        assert f"--{name} {value}: Pulumi.staging.yaml has " in said
    assert here.init(repository="Acme/Shop")[0] == 0, "as on the forge, capitals make no difference"


def test_no_secret_is_on_a_command_line_printed_or_in_the_stack_file(here: Place) -> None:
    here.init()
    here.after_up()
    here.init()
    stored = here.pulumi["config"]
    made = [entry["value"] for entry in stored.values() if entry["secret"]]
    assert len(made) == 6
    called = str(here.pulumi["calls"])
    for secret in (*SECRETS.values(), *made, *made[0].splitlines()[1:-1], WEBHOOK):
        assert secret not in called
        assert secret not in here.said
        assert secret not in here.file.read_text()
    assert SECRETS["FORGE_TOKEN"] not in str(stored), "the administrator's token is kept nowhere"


def test_without_pulumis_cli_secrets_are_files_for_their_owner_alone(here: Place) -> None:
    (here.root / "bin" / "pulumi").unlink()
    code, said = here.init()
    assert code == 0, said
    assert here.config["tekton-delivery:forge"]["token"] == {"file": "secrets/staging/forgeToken"}
    files = sorted((here.root / "secrets" / "staging").iterdir())
    assert "markKey" in {file.name for file in files}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (here.root / "secrets" / "staging",)} == {0o700}
    ignored = Path(__file__).parents[2].joinpath(".gitignore").read_text().splitlines()
    assert "/secrets/" in ignored
    assert len(here.there("keys")) == 1
    assert here.init(flags=False)[0] == 0
    assert len(here.there("keys")) == 1
