"""Base images: where a Dockerfile's FROM is read, by whose login, and which way opens for it."""

import tomllib
from types import SimpleNamespace
from typing import Any

import pytest

from components.credentials import CredentialsArgs
from components.plan.build import base_images
from components.plan.stack import StackPlan
from components.settings.build import Build
from components.settings.errors import SettingsError
from components.settings.stack import Stack
from offline.reachability.rows import rows
from offline.run import placeholder, run
from tests.closure import problems
from tests.support import Declared, Object, record_config, shipped_config, stack_config_text

BUILDING = {"build", "build-shop"}
POLICY = "runs-to-base-images"


def login(user: str = "robot") -> Object:
    return {"username": user, "password": {"file": f"secrets/{user}"}}


def config(bases: Object, **build: object) -> Object:
    """Staging with base images; one application has a user of its own in quarantine."""
    shipped = shipped_config("staging")
    (application,) = shipped["applications"]
    shop = application | {"name": "shop", "repository": "acme/shop", "quarantine": login("shop"), "target": "runtime"}
    return shipped | {"build": shipped["build"] | {"baseImages": bases} | build, "applications": [application, shop]}


def stack(bases: Object, **build: object) -> Declared:
    return record_config(config(bases, **build))


BASES: dict[str, Any] = {
    "docker.io": {"host": "mirror.example:5000", "path": "hub", "insecure": True, "addresses": ["10.20.3.0/24"]},
    "bases.example": {"host": "bases.example", "read": login(), "addresses": ["10.20.4.4/32", "fd20::4/128"]},
    "ghcr.io": {"host": "quarantine.internal:5001", "path": "platform", "insecure": True},
}


@pytest.fixture(scope="module")
def declared() -> Declared:
    return stack(BASES)


def image_step(declared: Declared, task: str) -> Object:
    (found,) = [step for step in declared.one("Task", task)["spec"]["steps"] if step["name"] == "image"]
    return dict(found)


def variables(step: Object) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in step["env"]}


def test_buildkit_is_told_of_mirrors_and_of_hosts_without_tls(declared: Declared) -> None:
    for task in BUILDING:
        assert tomllib.loads(variables(image_step(declared, task))["BASE_IMAGES"])["registry"] == {
            "docker.io": {"mirrors": ["mirror.example:5000/hub"]},
            "ghcr.io": {"mirrors": ["quarantine.internal:5001/platform"]},
            "mirror.example:5000": {"http": True, "insecure": True},
        }


def test_a_host_has_one_table_however_many_name_it() -> None:
    """Of two tables with one name BuildKit takes neither."""
    bases = {
        "docker.io": {"host": "mirror:5000", "path": "hub", "insecure": True},
        "ghcr.io": {"host": "mirror:5000", "path": "github", "insecure": True},
        "mirror:5000": {"host": "mirror:5000", "insecure": True},
    }
    read = tomllib.loads(base_images(Build.model_validate({"quarantine": {"host": "q.example"}, "baseImages": bases})))
    assert read["registry"]["mirror:5000"] == {"http": True, "insecure": True}


def logins(bases: Object, **build: object) -> dict[str, list[tuple[str, str]]]:
    """Host and user of each login, by Secret."""
    found: list[CredentialsArgs] = []

    def plan() -> None:
        environment: Any = SimpleNamespace(workload_namespace="staging", delivery_namespace="staging-ci")
        found.append(StackPlan(Stack.load(read=placeholder)).environments[0].credentials(environment))

    run(plan, config=stack_config_text(config(bases, **build)))
    (args,) = found
    return {
        credential.secret: [(each.host, each.username) for each in held]
        for credential, held in args.held.items()
        if isinstance(held, tuple)
    }


def test_the_login_is_where_the_image_is_built_and_nowhere_else(declared: Declared) -> None:
    found, quarantine = logins(BASES), "quarantine.internal:5001"
    assert found.pop("quarantine-push") == [("bases.example", "robot"), (quarantine, "untrusted")]
    assert found.pop("shop-quarantine-push") == [("bases.example", "robot"), (quarantine, "shop")]
    assert "bases.example" not in str(found)
    reached = {row.container for row in rows(declared.objects) if row.reaches.endswith("quarantine-push")}
    assert reached == {"image"}


def test_docker_hub_is_logged_in_to_by_the_name_that_clients_look_for() -> None:
    found = logins({"docker.io": {"host": "docker.io", "read": login()}}, internet=True)
    assert found["quarantine-push"][0] == ("https://index.docker.io/v1/", "robot")


def test_the_way_is_open_to_their_addresses_for_pods_that_build(declared: Declared) -> None:
    policy = declared.one("NetworkPolicy", POLICY)["spec"]
    (who,) = policy["podSelector"]["matchExpressions"]
    assert who["values"] == ["build"]
    opened = [
        ([peer["ipBlock"]["cidr"] for peer in rule["to"]], [port["port"] for port in rule["ports"]])
        for rule in policy["egress"]
    ]
    assert opened == [(["10.20.3.0/24"], [5000]), (["10.20.4.4/32", "fd20::4/128"], [443])]


def test_what_lies_in_quarantine_opens_nothing_further() -> None:
    declared = stack({"docker.io": BASES["ghcr.io"]})
    assert [item for item in declared.all("NetworkPolicy") if item["metadata"]["name"] == POLICY] == []


PROXY = {"url": "http://proxy.example:3128", "addresses": ["10.20.2.20/32"]}


def test_a_proxy_asks_what_has_no_address_and_nothing_else() -> None:
    bases = BASES | {"public.example": {"host": "public.example"}}
    declared = stack(bases, proxy=PROXY, internet=False)
    direct = variables(image_step(declared, "build"))["NO_PROXY"].split(",")
    assert {"mirror.example", "bases.example", "quarantine.internal"} <= set(direct)
    assert "public.example" not in direct
    assert len(declared.one("NetworkPolicy", POLICY)["spec"]["egress"]) == 2


def test_without_a_proxy_a_closed_stack_needs_the_addresses() -> None:
    with pytest.raises(SettingsError, match=r"tests and builds share a pod with what talks to \"public.example\""):
        stack({"docker.io": {"host": "public.example"}})


def test_the_stage_is_handed_to_the_build(declared: Declared) -> None:
    given = {
        (name, pipeline): param["value"]
        for name in ("chespirito", "shop")
        for pipeline in ("pipeline", "rebuild-pipeline")
        for task in declared.one("Pipeline", f"{name}-staging-{pipeline}")["spec"]["tasks"]
        if task["name"] == "build"
        for param in task["params"]
        if param["name"] == "target"
    }
    assert given == {
        (name, pipeline): target
        for name, target in (("chespirito", ""), ("shop", "runtime"))
        for pipeline in ("pipeline", "rebuild-pipeline")
    }


def test_what_is_handed_over_is_taken(declared: Declared) -> None:
    assert [line for line in problems(declared) if not line.startswith("pipelines: ")] == []


@pytest.mark.parametrize(
    "forge",
    [
        ({"kind": "github"}, "https://github.com"),
        ({"kind": "github", "apiUrl": "https://forge.example/api/v3"}, "https://forge.example"),
        ({"kind": "github", "apiUrl": "https://api.acme.ghe.com"}, "https://acme.ghe.com"),
        ({"kind": "gitea", "apiUrl": "http://api.example:3000/git/api/v1"}, "http://api.example:3000/git"),
    ],
)
def test_an_image_says_where_people_find_its_repository(forge: tuple[Object, str]) -> None:
    given, url = forge
    shipped = shipped_config("staging")
    there = {key: value for key, value in shipped["forge"].items() if key not in ("kind", "apiUrl")} | given
    declared = record_config(shipped | {"forge": there})
    (source,) = [
        param["value"]
        for task in declared.one("Pipeline", "chespirito-staging-pipeline")["spec"]["tasks"]
        for param in task["params"]
        if param["name"] == "source-url"
    ]
    assert source == f"{url}/acme/chespirito"
