"""Users of registries are told apart by name and password: some registries have one name for all of them."""

from typing import Any

import pytest

from components.settings.settings import Settings
from components.settings.types import Source
from components.settings.user_checks import user_inconsistencies
from offline.run import stack_config
from tests.support import stack_config_text
from tests.test_settings import VALID, load

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


def user(file: str, name: str = "AWS") -> dict[str, Any]:
    return {"username": name, "password": {"file": file}}


def settings(
    write: dict[str, Any], quarantine: dict[str, Any], own: dict[str, Any], base: dict[str, Any] | None = None
) -> Settings:
    """A stack with all its repositories in one registry."""
    bases = {"docker.io": {"host": HOST, "path": "hub", "read": base}} if base else {}
    config = {
        "registry": {"host": HOST, "path": "shop", "write": write},
        "build": {"quarantine": {"host": HOST, "path": "quarantine", "write": quarantine}, "baseImages": bases},
        "applications": [{"name": "shop", "repository": "acme/shop", "quarantine": own}],
    }
    return load(stack_config(VALID) | stack_config_text(config)).settings


def test_one_name_with_different_passwords_is_several_users() -> None:
    found = settings(user("writes"), user("builds"), user("shop"))
    assert list(user_inconsistencies(found)) == []
    assert list(user_inconsistencies(found, lambda source: f"of {source.file}")) == []


@pytest.mark.parametrize(
    ("same", "place"),
    [
        (("writes", "builds"), "tekton-delivery:build.quarantine.write.username"),
        (("writes", "shop"), "tekton-delivery:applications[0].quarantine.username"),
        (("builds", "shop"), "tekton-delivery:applications[0].quarantine.username"),
    ],
)
def test_a_password_that_two_files_hold_is_one_user(same: tuple[str, str], place: str) -> None:
    """What their names cannot tell, as long as the files are others, their contents do. No content is repeated."""
    found = settings(user("writes"), user("builds"), user("shop"))

    def text(source: Source) -> str:
        return "of both" if source.file in same else f"of {source.file}"

    (line,) = user_inconsistencies(found, text)
    assert line.startswith(f'{place} = "AWS": with this password ')
    assert "of both" not in line


def test_of_one_host_base_images_are_read_by_whoever_has_another_password() -> None:
    own = settings(user("writes"), user("builds"), user("shop"))
    assert own.build
    there = own.build.quarantine.model_copy(update={"host": "mirror.example", "read": own.registry.write})
    build = own.build.model_copy(update={"base_images": {"docker.io": there}, "quarantine": there})
    registry = own.registry.model_copy(update={"host": "mirror.example"})
    found = own.model_copy(update={"build": build, "registry": registry})
    assert any("baseImages.docker.io.read.username" in line for line in user_inconsistencies(found))
    assert there.read
    reads = there.model_copy(update={"read": there.read.model_copy(update={"password": Source(file="reads")})})
    found = found.model_copy(update={"build": build.model_copy(update={"base_images": {"docker.io": reads}})})
    assert not any("baseImages" in line for line in user_inconsistencies(found))
