"""What applications and environments have in common: merged, replaced, taken away; mistakes name where it stands."""

import json
from typing import Any

import pytest

from components.settings.application import Application
from components.settings.errors import SettingsError
from components.settings.neighbours import neighbours
from components.settings.settings import Settings
from offline.run import stack_config
from tests.support import stack_config_text
from tests.test_settings import VALID, load

SHOP = {"name": "shop", "repository": "acme/shop"}
CART = {"name": "cart", "repository": "acme/cart"}


def settings(defaults: dict[str, Any], *applications: dict[str, Any], **more: Any) -> Settings:
    changed = {"defaults": defaults, "applications": applications or [SHOP], **more}
    return load(stack_config(VALID) | stack_config_text(changed)).settings


def application(shared: dict[str, Any], **own: Any) -> Application:
    return settings({"applications": shared}, SHOP | own).applications[0]


def refused(defaults: dict[str, Any], *applications: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings(defaults, *applications, **more)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_an_own_value_counts_and_a_default_does_where_there_is_none() -> None:
    shop, cart = settings({"applications": {"port": 9000, "user": 1000}}, SHOP | {"port": 80}, CART).applications
    assert [(each.port, each.user) for each in (shop, cart)] == [(80, 1000), (9000, 1000)]


def test_mappings_are_merged_and_lists_are_replaced() -> None:
    shared = {"env": {"A": "1", "B": "1"}, "args": ["a", "b"], "resources": {"cpu": "2", "requests": {"cpu": "1"}}}
    found = application(shared, env={"B": "2"}, args=["c"], resources={"requests": {"memory": "64Mi"}})
    assert found.env == {"A": "1", "B": "2"}
    assert found.args == ["c"]
    assert (found.resources.cpu, found.resources.requests.cpu, found.resources.requests.memory) == ("2", "1", "64Mi")


def test_null_takes_a_default_away() -> None:
    shared = {"smokeCheck": {"path": "/api"}, "env": {"A": "1"}}
    assert application(shared).smoke_check
    assert application(shared, smokeCheck=None).smoke_check is None
    assert application(shared, env={"A": None}).env == {}


@pytest.mark.parametrize(
    ("shared", "own", "place"),
    [
        ({"testCommand": "make test"}, {"tests": {"stage": "test"}}, "tests"),
        ({"tests": {"stage": "test"}}, {"testCommand": "make test"}, "testCommand"),
        ({"tests": {"command": "make", "user": 1000, "reports": ["a.xml"]}}, {"tests": {"stage": "test"}}, "tests"),
        ({"tests": {"stage": "test"}}, {"tests": {"command": "make"}}, "tests"),
        ({"env": {"A": {"secretKeyRef": {"name": "a", "key": "a"}}}}, {"env": {"A": "1"}}, "env"),
        (
            {"env": {"A": {"secretKeyRef": {"name": "a", "key": "a"}}}},
            {"env": {"A": {"configMapKeyRef": {"name": "b", "key": "b"}}}},
            "env",
        ),
        ({"buildArgs": {"A": {"file": "a"}}}, {"buildArgs": {"A": {"config": "a"}}}, "buildArgs"),
    ],
)
def test_what_takes_another_ones_place_does_so_here(shared: dict[str, Any], own: dict[str, Any], place: str) -> None:
    config = stack_config(VALID) | ({"tekton-delivery:a": "x"} if "config" in str(own.get(place)).split("'") else {})
    changed = stack_config_text({"defaults": {"applications": shared}, "applications": [SHOP | own]})
    found = load(config | changed).settings.applications[0]
    assert found == load(config | stack_config_text({"applications": [SHOP | own]})).settings.applications[0]
    assert own[place] == found.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)[place]


def test_environments_have_defaults_too() -> None:
    staging, production = settings({"environments": {"rolloutTimeout": "2m", "replicas": 2}}).environments
    assert (staging.rollout_timeout, production.replicas) == ("2m", 2)


def test_a_stack_that_says_it_all_and_one_that_says_it_once_are_the_same() -> None:
    shared = {"healthPath": "/healthz", "env": {"LOG_LEVEL": "info"}, "fetch": {"depth": 0}}
    once = settings({"applications": shared}, SHOP, CART)
    assert once.applications == settings({}, SHOP | shared, CART | shared).applications


def test_a_mistake_in_a_default_is_said_once_where_it_was_written() -> None:
    (line,) = refused({"applications": {"port": 0}}, SHOP, CART, CART | {"name": "blog"})
    assert line.startswith("tekton-delivery:defaults.applications.port (of shop and 2 more) = 0: must be a whole number")
    (line,) = refused({"applications": {"services": {"db": {"image": "db", "user": 0}}}}, SHOP)
    assert line.startswith("tekton-delivery:defaults.applications.services.db.user (of shop) = 0: must be")
    (line,) = refused({"applications": {"prot": 80}}, SHOP, CART)
    assert line.startswith(
        "tekton-delivery:defaults.applications.prot (of shop and 1 more): unknown key; did you mean `port`?"
    )


def test_a_mistake_of_ones_own_beside_defaults_is_ones_own() -> None:
    lines = refused({"applications": {"port": 9000, "env": {"A": "1"}}}, SHOP | {"env": {"B": 2}}, CART | {"port": 0})
    assert [line.partition(" = ")[0] for line in lines] == [
        "tekton-delivery:applications[0].env.B",
        "tekton-delivery:applications[1].port",
    ]


def test_what_a_default_means_beside_ones_own_names_both() -> None:
    (line,) = refused({"applications": {"paths": ["lib"]}}, SHOP)
    assert line.startswith('tekton-delivery:applications[0].dockerfile = "Dockerfile": lies outside of `paths` (lib)')
    (line,) = refused({"applications": {"env": {"PORT": "1"}}}, SHOP, CART | {"env": {"PORT": None}})
    assert line.startswith("tekton-delivery:defaults.applications.env.PORT (of shop): the program sets it")


def test_a_source_in_a_default_that_cannot_be_read_is_named_there() -> None:
    (line,) = refused({"applications": {"buildArgs": {"A": {"config": "nobodys"}}}}, SHOP, CART)
    assert line.startswith(
        'tekton-delivery:defaults.applications.buildArgs.A (of shop and 1 more).config = "nobodys": no such'
    )


@pytest.mark.parametrize(
    ("key", "name"), [("applications", "name"), ("applications", "repository"), ("environments", "name")]
)
def test_what_each_has_of_its_own_is_no_default(key: str, name: str) -> None:
    assert refused({key: {name: "acme/shop"}}) == [
        f"tekton-delivery:defaults.{key}.{name}: each has its own; remove it here"
    ]


def test_defaults_of_something_else_are_refused() -> None:
    assert "must be a mapping" in refused({"applications": ["a"]})[0]
    assert "unknown key" in refused({"listener": {}})[0]


def test_another_stacks_defaults_are_read_as_its_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain over stacks: how long the one before may take is in its stack file, perhaps in a default."""
    config = {key: json.loads(value) if value[0] in "[{" else value for key, value in stack_config(VALID).items()}
    config["tekton-delivery:defaults"] = {"environments": {"rolloutTimeout": "7m", "promotesFrom": "qa"}}
    config["tekton-delivery:environments"] = [{"name": "pre", "deliverOn": "merge"}]
    (tmp_path / "Pulumi.pre.yaml").write_text(json.dumps({"config": config}))
    monkeypatch.chdir(tmp_path)
    (found,) = neighbours(tmp_path)["pre"]
    assert found.promotes_from == "qa"
    assert found.settings
    assert found.settings.environments[0].rollout_timeout == "7m"
