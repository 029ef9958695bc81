"""What `operate init` refuses says what is wrong, where, and what to do."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from operate import __main__ as operate
from operate.errors import OperateError
from operate.init import wanted
from operate.init.app import AppForge
from operate.init.github import GitHubForge
from operate.init.questions import Question, answers
from tests.operate.github import GitHub
from tests.operate.initiating import Place, place
from tests.operate.test_init_github_answers import app_key

API = "https://api.github.com"


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    return place(tmp_path, monkeypatch, capsys)


def test_an_apps_key_that_is_not_rsa_is_refused() -> None:
    form = serialization.PrivateFormat.PKCS8
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    )
    with pytest.raises(OperateError, match=r"--app-key.*RSA"):
        AppForge(API, "99", pem.decode(), GitHub().transport())


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(200, text="<html>login</html>"), "it is no JSON; is that its REST API"),
        (httpx.Response(200, json={"full_name": "acme/shop"}), "id, node_id, .* and [0-9]+ more"),
    ],
)
def test_an_answer_of_another_form_names_the_request_and_few_fields(answer: httpx.Response, told: str) -> None:
    forge = GitHubForge(API, "t", httpx.MockTransport(lambda _: answer))
    with pytest.raises(OperateError, match=f"^GET {API}/repos/acme/shop: not of GitHub's published form: {told}") as caught:
        forge.repository("acme/shop")
    assert len(str(caught.value)) < 250


def test_an_app_that_is_installed_for_nothing_says_so() -> None:
    with pytest.raises(OperateError, match=r"the App 99 is installed for no repository.*--repository"):
        AppForge(API, "99", app_key(), GitHub().transport()).installed_for()


@pytest.mark.parametrize("stack", ["-x", "a" * 120, "a b", ""])
def test_a_name_of_no_stack_is_refused_with_the_limit(place: Place, stack: str) -> None:
    assert operate.main(["init", "--", stack]) != 0
    assert "at most 50 letters, digits, `_` and `-`, and no `-` first" in place.capsys.readouterr().err


def test_a_repository_that_becomes_no_application_is_named(place: Place) -> None:
    name = f"acme/{'a' * 60}"
    place.github.add(name)
    code, said = place.init("--repository", "acme/shop", repository=name)
    assert code != 0
    assert f"the file is not written; this comes of {name}: name with --repository the others" in said
    assert not place.file.exists()


def test_an_address_that_git_is_not_reached_by_says_which_flag_it_came_of() -> None:
    plan = SimpleNamespace(repositories={}, ssh_url="ssh://git@127.0.0.1", api_url="http://127.0.0.1:3000/api/v3")
    told = str(wanted.explained(cast(Any, plan), OperateError("forge.ssh.url: no")))
    assert told.endswith("ssh://git@127.0.0.1 was made of --api-url http://127.0.0.1:3000/api/v3: say --ssh-url")


def test_without_a_kubeconfig_that_is_said_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(place.root / "absent"))
    code, said = place.init(context="", kubeconfig="")
    assert (code != 0, f"--kubeconfig {place.root / 'absent'}: " in said) == (True, True)
    assert "missing" not in said


def test_kubeconfigs_that_are_several_are_not_taken_for_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{Path('a')}:{Path('b')}")
    assert "$KUBECONFIG names several files" in place.init(kubeconfig="")[1]


def test_one_empty_answer_ends_it_at_once() -> None:
    asked: list[str] = []

    def ask(text: str) -> str:
        asked.append(text)
        return ""

    with pytest.raises(OperateError, match=r"no answer: --a \(first\)"):
        answers([Question("--a", "first"), Question("--b", "second")], ask, ask)
    assert len(asked) == 1
