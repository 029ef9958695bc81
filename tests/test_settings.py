"""A stack's configuration: what is wrong is refused before anything is declared, in words that help to mend it.

Every file in settings/invalid/ replaces some keys of settings/valid.yaml (`# without:` removes keys) and begins with the
lines of the error that a person gets to read.
"""

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from components.settings.errors import SettingsError
from components.settings.stack import Stack
from offline.run import placeholder, run, stack_config
from tests.support import ROOT, STACK_FILES

HERE = Path(__file__).parent / "settings"
VALID = HERE / "valid.yaml"
INVALID = sorted((HERE / "invalid").glob("*.yaml"))


def load(config: dict[str, str], read: Callable[[str], str] = placeholder, secrets: tuple[str, ...] = ()) -> Stack:
    """The settings that a program with this configuration gets."""
    loaded: list[Stack] = []
    run(lambda: loaded.append(Stack.load(read=read)), config=config, secrets=secrets)
    return loaded[0]


def header(file: Path, word: str) -> list[str]:
    """What a file says after `# <word>: `, line by line."""
    marked = f"# {word}: "
    return [line.removeprefix(marked) for line in file.read_text().splitlines() if line.startswith(marked)]


def configuration(file: Path) -> dict[str, str]:
    """The valid configuration, changed as a file says."""
    removed = {f"tekton-delivery:{key}" for line in header(file, "without") for key in line.split()}
    return {key: value for key, value in (stack_config(VALID) | stack_config(file)).items() if key not in removed}


def refused(file: Path) -> str:
    """The error that a file's configuration ends in."""
    with pytest.raises(SettingsError) as caught:
        load(configuration(file))
    return str(caught.value)


def test_the_valid_configuration_is_accepted() -> None:
    settings = load(stack_config(VALID)).settings
    assert [environment.name for environment in settings.environments] == ["staging", "production"]
    assert settings.forge.kind == "github"
    assert settings.forge.ssh.url == "ssh://git@github.com"
    assert settings.environments[1].promotes_from == "staging"


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_a_wrong_configuration_is_refused_in_these_words(file: Path) -> None:
    expected = header(file, "error")
    assert expected, f"{file.name} begins with no `# error:` line"
    assert refused(file).splitlines() == ["Pulumi.test.yaml cannot be used:", *(f"  {line}" for line in expected)]


@pytest.mark.parametrize("stack", STACK_FILES)
def test_the_shipped_stacks_are_accepted(stack: str) -> None:
    assert load(stack_config(ROOT / f"Pulumi.{stack}.yaml")).settings.applications[0].name == "chespirito"


def test_a_secret_typed_into_the_file_is_not_repeated_in_the_error() -> None:
    assert "ghp_do_not_print_me" in (HERE / "invalid" / "secret_in_the_file.yaml").read_text()
    assert "ghp_do_not_print_me" not in refused(HERE / "invalid" / "secret_in_the_file.yaml")


def test_defaults_are_the_safe_ones() -> None:
    settings = load(stack_config(VALID)).settings
    assert not settings.registry.insecure
    assert settings.environments[0].replicas == 1
    assert settings.environments[0].node_ports == {}
    assert settings.applications[0].base_branch == "main"


def test_files_are_read_once_each_and_before_anything_is_declared() -> None:
    seen: list[str] = []

    def read(path: str) -> str:
        seen.append(path)
        return placeholder(path)

    load(stack_config(VALID), read)
    assert sorted(seen) == [
        ".local/images/builder",
        ".local/images/tools",
        "mark.pub",
        "secrets/forge-token",
        "secrets/id_ed25519",
        "secrets/known_hosts",
        "secrets/mark-password",
        "secrets/mark.key",
    ]


def test_each_file_that_cannot_be_read_is_named_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    def read(path: str) -> str:
        places = {"secrets/id_ed25519": "empty", "secrets/known_hosts": "binary", "secrets/forge-token": "absent"}
        return (tmp_path / places[path]).read_text(encoding="utf-8") if path in places else placeholder(path)

    with pytest.raises(SettingsError) as caught:
        load(stack_config(VALID), read)
    ending = "make the file (`make up` makes those of the embedded cluster) or name another source"
    assert str(caught.value).splitlines()[1:] == [
        f'  tekton-delivery:forge.ssh.privateKey.file = "secrets/id_ed25519": it is empty; {ending}',
        f'  tekton-delivery:forge.ssh.knownHosts.file = "secrets/known_hosts": it is no text; {ending}',
        f'  tekton-delivery:forge.token.file = "secrets/forge-token": No such file or directory; {ending}',
    ]


def test_a_secret_of_the_stack_itself_is_a_known_key() -> None:
    config = stack_config(VALID) | {"tekton-delivery:forgeToken": "from-the-stack"}
    forge = json.loads(config["tekton-delivery:forge"]) | {"token": {"config": "forgeToken"}}
    config["tekton-delivery:forge"] = json.dumps(forge)
    stack = load(config, secrets=("tekton-delivery:forgeToken",))
    assert stack.text(stack.settings.forge.token) == "from-the-stack"


def test_keys_of_other_namespaces_are_nobodys_business() -> None:
    load(stack_config(VALID) | {"pulumi:disable-default-providers": '["kubernetes"]', "kubernetes:context": "mine"})


def test_the_settings_of_an_image_file_may_end_in_a_newline() -> None:
    stack = load(stack_config(VALID), lambda path: placeholder(path) + "\n")
    assert stack.tools_image == placeholder(".local/images/tools")


def test_a_wrong_stack_ends_the_program_with_the_message_alone(caplog: pytest.LogCaptureFixture) -> None:
    """As `pulumi up` runs it: exit code 1, one message, and nothing was declared."""
    file = HERE / "invalid" / "port_out_of_range.yaml"

    def program() -> None:
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        assert caught.value.code == 1

    recording = run(program, config=configuration(file))
    assert [resource.type for resource in recording.resources] == ["pulumi:pulumi:Stack"]
    assert [record.getMessage() for record in caplog.records] == [refused(file)]
