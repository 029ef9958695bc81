"""What a stack needs, by its settings: for `python -m operate doctor`."""

import json
import re
from typing import Any

from offline.needs.read import needs
from offline.needs.values import UNREAD, Needs, Right
from offline.run import placeholder
from tests.support import ROOT, shipped_config

SHOP = "acme/chespirito"


def read(config: dict[str, Any], **changes: Any) -> Needs:
    values = {f"tekton-delivery:{name}": value for name, value in config.items()}
    text = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return needs("staging", text, read=changes.pop("read", placeholder))


def table(found: Needs) -> dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]]:
    def place(right: Right) -> tuple[str, str]:
        return (right.login.setting if right.login else "everybody"), f"{right.url.partition('//')[2]}/{right.repository}"

    return {place(right): (right.needs, right.never) for right in found.rights}


def config_in_one_registry() -> dict[str, Any]:
    """The shipped staging where quarantine is a path of the applications' own registry."""
    config = shipped_config("staging")
    for there, path in ((config["registry"], "acme"), (config["build"]["quarantine"], "acme/quarantine")):
        there |= {"host": "ghcr.io", "path": path, "insecure": False}
    return config


def test_users_of_two_registries_need_what_the_table_says() -> None:
    assert table(read(shipped_config("staging"))) == {
        ("registry.read", "registry.internal:5000/chespirito"): (("pull",), ("push", "delete")),
        ("registry.write", "registry.internal:5000/chespirito"): (("pull", "push"), ()),
        ("registry.delete", "registry.internal:5000/chespirito"): (("pull", "delete"), ("push",)),
        ("build.quarantine.read", "quarantine.internal:5001/chespirito"): (("pull",), ("push", "delete")),
        ("build.quarantine.write", "quarantine.internal:5001/chespirito"): (("pull", "push"), ("delete",)),
        ("build.quarantine.delete", "quarantine.internal:5001/chespirito"): (("pull", "delete"), ("push",)),
    }


def test_in_one_registry_what_pull_requests_hold_opens_nothing_of_the_applications() -> None:
    """Of two users of one host the last one counts, so that who writes reads quarantine as well."""
    found = table(read(config_in_one_registry()))
    everything = ("pull", "push", "delete")
    assert found["build.quarantine.write", "ghcr.io/acme/chespirito"] == ((), everything)
    assert found["registry.read", "ghcr.io/acme/quarantine/chespirito"] == ((), everything)
    assert found["registry.write", "ghcr.io/acme/quarantine/chespirito"] == (("pull",), ("push", "delete"))
    assert found["registry.delete", "ghcr.io/acme/quarantine/chespirito"] == (("pull", "delete"), ("push",))
    assert not [setting for setting, _ in found if setting in ("build.quarantine.read", "build.quarantine.delete")]


def test_who_pulls_as_the_user_that_pushes_may_do_what_that_one_may() -> None:
    """As `operate init` enters it, in two registries or in one: it works, and could be narrower, which doctor advises."""
    apart, together = shipped_config("staging"), config_in_one_registry()
    for config in (apart, together):
        for registry in (config["registry"], config["build"]["quarantine"]):
            registry["read"] = registry["write"]
    found = table(read(apart))
    assert found["registry.read", "registry.internal:5000/chespirito"] == (("pull",), ())
    assert found["build.quarantine.read", "quarantine.internal:5001/chespirito"] == (("pull",), ())
    assert found["build.quarantine.write", "quarantine.internal:5001/chespirito"] == (("pull", "push"), ("delete",))
    found = table(read(together))
    assert found["registry.read", "ghcr.io/acme/chespirito"] == (("pull",), ())
    assert found["registry.read", "ghcr.io/acme/quarantine/chespirito"] == ((), ())
    assert found["registry.write", "ghcr.io/acme/quarantine/chespirito"] == (("pull",), ())
    assert found["build.quarantine.write", "ghcr.io/acme/chespirito"] == ((), ("pull", "push", "delete"))


def test_a_user_of_one_application_opens_no_other_one_s_quarantine() -> None:
    config = shipped_config("staging")
    login = {"username": "shop", "password": {"file": "secrets/shop"}}
    config["applications"] = [
        config["applications"][0] | {"quarantine": login},
        config["applications"][0] | {"name": "other", "repository": "acme/other"},
    ]
    for environment in config["environments"]:
        environment.pop("nodePorts", None)
    found = table(read(config))
    assert found["applications[0].quarantine", "quarantine.internal:5001/chespirito"] == (("pull", "push"), ("delete",))
    assert found["applications[0].quarantine", "quarantine.internal:5001/other"] == ((), ("pull", "push", "delete"))


def test_each_user_of_the_documented_table_is_asked() -> None:
    section = (ROOT / "docs" / "real-clusters.md").read_text().partition("**Registry rights**")[2].partition("\n- **")[0]
    documented = set(re.findall(r"^ *\| `([^`]+)`", section, re.M))
    config = shipped_config("staging")
    user = {"username": "shop", "password": {"file": "secrets/shop"}}
    config["applications"][0]["quarantine"] = user
    config["build"]["baseImages"] = {"docker.io": {"host": "bases.example", "read": user, "addresses": ["10.20.4.4/32"]}}
    asked = {re.sub(r"\[\d+\]", "[]", right.login.setting) for right in read(config).rights if right.login}
    assert {name.replace("<registry>", "docker.io") for name in documented} == asked


def test_a_stack_that_only_promotes_needs_no_quarantine() -> None:
    found = read(shipped_config("production"))
    assert not found.builds
    assert "quarantine" not in found.destinations
    assert {setting for setting, _ in table(found)} == {"registry.read"}
    assert [image.setting for image in found.images] == ["toolsImage"]
    assert not found.listener.pushes


def test_a_secret_that_cannot_be_read_is_nobody_s_password() -> None:
    def unread(path: str) -> str:
        return UNREAD if path.endswith(("puller", "forge-token-staging")) else placeholder(path)

    found = read(shipped_config("staging"), read=unread)
    assert found.forge.unread == ("forge.token",)
    assert found.forge.token is None
    assert {right.login.password for right in found.rights if right.login and right.login.username == "puller"} == {None}
    assert "content-of-deployer" not in repr(found), "what can be read is not shown either"


def test_what_lies_on_the_cluster_is_not_known_here() -> None:
    found = read(shipped_config("everything"))
    assert found.forge.own == {"acme/chespirito": ("forge.ssh.deployKeys.acme/chespirito", None)}
    assert found.forge.unread == ("forge.ssh.deployKeys.acme/chespirito",)
    assert found.forge.app
    assert found.forge.app.installation_of("acme/chespirito") == "23456789"
    assert found.forge.app.installation_of("globex/shop") == "12345678"


def test_every_stack_s_needs_can_be_read() -> None:
    for name in ("both", "everything"):
        found = read(shipped_config(name))
        assert found.objects
        assert found.listener.address.startswith("http")
        assert found.forge.repositories[0].branches == ("main",)
