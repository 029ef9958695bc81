"""`operate init` where something is otherwise than it should be: nothing is lost, and each error is one that helps."""

from pathlib import Path

import pytest
import urllib3

from operate.errors import OperateError
from operate.init import stack_file as names
from operate.init.gitea import Gitea
from tests.operate.initiating import Place, place, plain_answer

ENCRYPTED = "  tekton-delivery:markKey: {secure: AAAB}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    return place(tmp_path, monkeypatch, capsys)


def test_a_login_elsewhere_puts_no_new_keys_in_the_place_of_the_stacks(here: Place) -> None:
    here.init()
    here.file.write_text(here.file.read_text() + ENCRYPTED)
    here.alter(stacks=[])
    stored, writes = here.pulumi["config"], list(here.github.writes)
    for arguments in ((), ("--rotate", "deploy-key")):
        code, said = here.init(*arguments, flags=False)
        assert (code, "Pulumi knows no stack staging where it is logged in" in said) == (1, True), said
    assert (here.pulumi["config"], here.pulumi["stacks"], here.github.writes) == (stored, [], writes)


def test_a_mark_that_the_cluster_has_is_not_replaced_because_it_is_not_here(here: Place) -> None:
    here.init()
    here.after_up()
    left = {name: entry for name, entry in here.pulumi["config"].items() if name != "markPassword"}
    here.alter(config=left)
    code, said = here.init(flags=False)
    assert (code, "and the stack runs with it" in said) == (1, True), said
    assert here.pulumi["config"] == left


def test_what_pulumi_stack_init_left_is_no_stack_file_yet(here: Place) -> None:
    here.file.write_text("encryptionsalt: v1:abc\n")
    code, said = here.init()
    assert code == 0, said
    assert here.file.read_text().startswith("encryptionsalt: v1:abc\n")
    assert "tekton-delivery:forge" in here.config


@pytest.mark.parametrize("stack", ["Acme", "acme_1", "1st", "a" * 50, "_"])
def test_a_name_that_pulumi_takes_gives_a_listener_one_that_kubernetes_takes(here: Place, stack: str) -> None:
    code, said = here.init(stack=stack)
    assert code == 0, said


@pytest.mark.parametrize(
    "flags",
    [
        ("--base-branch", "dev"),
        ("--listener-host", "x.example"),
        ("--insecure-registry",),
        ("--secrets", "files"),
        ("--kubeconfig", "/elsewhere"),
        ("--app-installation", "55"),
    ],
)
def test_every_flag_that_says_otherwise_than_the_file_is_refused(here: Place, flags: tuple[str, ...]) -> None:
    here.init()
    code, said = here.init(*flags, flags=False)
    assert (code, f"{' '.join(flags)}: Pulumi.staging.yaml has " in said) == (1, True), said


@pytest.mark.parametrize("url", ["garbage", "https://x/?a=b", "https://u:p@x/", "https://x#f", "ftp://x"])
def test_a_listeners_url_is_one(here: Place, url: str) -> None:
    code, said = here.init("--listener-url", url)
    assert (code, "--listener-url must be an http(s) URL" in said) == (1, True), said


@pytest.mark.parametrize("token", ["tok\x1b[Den", "tok\u2026en", "two words"])
def test_a_token_that_no_header_takes_is_refused_and_not_repeated(
    here: Place, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("FORGE_TOKEN", token)
    code, said = here.init()
    assert (code, "$FORGE_TOKEN has characters that no token has" in said) == (1, True), said
    assert token not in said
    assert not here.file.exists()


def test_the_end_of_the_input_is_no_answer(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(text: str) -> str:
        raise EOFError

    monkeypatch.delenv("STATUS_TOKEN")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", ended)
    code, said = here.init()
    assert (code, "no answer: $STATUS_TOKEN" in said) == (1, True), said


def test_a_repository_that_is_gone_keeps_nothing_registered_in_the_others(here: Place) -> None:
    here.github.add("acme/api")
    here.init("--repository", "acme/api")
    del here.github.repositories["acme/api"]
    code, said = here.init("--remove", flags=False)
    assert (code, "/repos/acme/api: the forge answers 404" in said) == (1, True), said
    assert here.there("keys") == []


def test_the_registry_is_where_the_images_are_unless_somebody_says_otherwise(here: Place) -> None:
    code, said = here.init(registry="")
    assert code == 0, said
    assert here.config["tekton-delivery:registry"].items() >= {"host": "ghcr.io", "path": "acme"}.items()


def test_a_key_of_a_repository_is_its_own_in_letters_of_any_size() -> None:
    keys = {"Acme/Shop": {"config": "one"}, "acme/api": {"config": "two"}}
    applications = [{"repository": "acme/shop"}, {"repository": "acme/api"}]
    existing = names.of("staging", {"forge": {"ssh": {"deployKeys": keys}}, "applications": applications})
    assert [source for _, source in existing.sources()] == list(keys.values())


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"<html>", "answers no JSON"),
        (b"[]", "is not what Gitea answers"),
        (b'{"message": "x"}', "is not what Gitea answers"),
        (b"3", "is not what Gitea answers"),
    ],
)
def test_what_is_no_gitea_is_one_error(monkeypatch: pytest.MonkeyPatch, data: bytes, error: str) -> None:
    monkeypatch.setattr(urllib3, "request", lambda *_, **__: plain_answer(data))
    with pytest.raises(OperateError, match=error):
        Gitea("https://git.example.com", "t").repository("acme/shop")


def test_a_gitea_that_gives_fewer_than_asked_for_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    key = b'[{"id": 1, "title": "t", "key": "ssh-ed25519 QUFB", "read_only": true}]'
    pages = [key, key, b"[]"]
    monkeypatch.setattr(urllib3, "request", lambda *_, **__: plain_answer(pages.pop(0)))
    assert len(Gitea("https://git.example.com/api/v1", "t").keys("acme/shop")) == 2
    monkeypatch.setattr(urllib3, "request", lambda *_, **__: plain_answer(key))
    with pytest.raises(OperateError, match="has no end"):
        Gitea("https://git.example.com/api/v1", "t").keys("acme/shop")
