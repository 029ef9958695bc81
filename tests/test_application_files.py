"""Applications in files of their own: whoever owns one says how their application is delivered, and reaches nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from components.settings.errors import SettingsError
from components.settings.settings import Settings
from offline.reference import schema
from offline.run import stack_config
from tests.support import ROOT, stack_config_text
from tests.test_settings import VALID, load

SHOP = {"name": "shop", "repository": "acme/shop"}
FILE = "teams/payments/shop.yaml"
ENTRY: dict[str, Any] = {"file": FILE, "repositories": ["*/*"]}
SECRET = "paymentsNpmToken"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, with the file of one team."""
    monkeypatch.chdir(tmp_path)
    write(SHOP)
    return tmp_path


def write(held: Any, file: str = FILE) -> None:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(held if isinstance(held, str) else yaml.safe_dump(held))


def settings(*applications: dict[str, Any], **more: Any) -> Settings:
    named = SECRET in f"{Path(FILE).read_bytes()!r}{applications}{more}"
    config = stack_config(VALID) | ({f"tekton-delivery:{SECRET}": "x"} if named else {})
    return load(config | stack_config_text({"applications": applications or [ENTRY], **more})).settings


def refused(*applications: dict[str, Any], **more: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(*applications, **more)
    return "\n".join(line.strip() for line in str(caught.value).splitlines()[1:])


def test_one_application_or_a_list_of_them_in_the_place_of_the_file() -> None:
    write([SHOP, SHOP | {"name": "cart"}])
    write({"name": "blog", "repository": "acme/blog"}, "teams/blog/applications.yaml")
    first, last = ({"name": name, "repository": f"acme/{name}"} for name in ("first", "last"))
    found = settings(first, ENTRY, ENTRY | {"file": "teams/blog/applications.yaml"}, last)
    assert [each.name for each in found.applications] == ["first", "shop", "cart", "blog", "last"]


def test_defaults_are_those_of_files_too() -> None:
    write(SHOP | {"env": {"B": "2"}})
    found = settings(defaults={"applications": {"port": 9000, "env": {"A": "1"}}}).applications[0]
    assert (found.port, found.env) == (9000, {"A": "1", "B": "2"})


def test_mistakes_name_the_file_and_the_place_in_it() -> None:
    write(SHOP | {"port": 0})
    assert refused().startswith(f"{FILE}: port = 0: must be a whole number")
    write([SHOP, {"name": "cart", "services": {"db": {"user": 0}}}])
    assert [line.partition(": must")[0] for line in refused().splitlines()] == [
        f"{FILE}: [1].repository: missing; add `repository: acme/shop` (the repository on the forge)",
        f"{FILE}: [1].services.db.image: missing; add `image: registry.example/postgres@sha256:<64 hex digits>` "
        "(what it runs, by digest)",
        f"{FILE}: [1].services.db.user = 0",
    ]
    write(SHOP | {"dockerfile": "a/Dockerfile", "paths": ["b"]})
    assert refused().startswith(f'{FILE}: dockerfile = "a/Dockerfile": lies outside of `paths` (b)')
    write([SHOP])
    assert refused({"name": "first", "repository": "acme/first"}, ENTRY, {"name": "wrong"}).startswith(
        "tekton-delivery:applications[2].repository: missing"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("a: [", "is no YAML"),
        ("- - a", "must be a mapping"),
        ("just text", "must be a mapping"),
        ("{name: shop, repository: acme/shop, port: 2026-01-01}", 'port = "2026-01-01"'),
        ("{name: shop, repository: acme/shop, file: other.yaml}", f"{FILE}: file: unknown key"),
        ("{name: shop, repository: acme/shop, repositories: [acme/shop]}", f"{FILE}: repositories: unknown key"),
        ("&a [*a]", "holds too much"),
        (
            "\n".join(["a: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]),
            "holds too",
        ),
        ("[" * 5000 + "]" * 5000, "nests it too deeply"),
        ("? [a, b]\n: c", "is no YAML"),
        ("a: " + "x" * 300_000, "is larger than 256 KiB"),
        (b"\xff\xfe\x00", "is no text"),
    ],
)
def test_a_file_of_something_else_is_refused(text: str | bytes, says: str) -> None:
    Path(FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert says in refused()


@pytest.mark.parametrize(
    "file",
    ["shop.yaml", "../teams/shop.yaml", "/etc/passwd", "teams/../../shop.yaml", "./teams/shop.yaml", "~/a/shop.yaml", ""],
)
def test_a_file_lies_in_a_folder_of_the_project(file: str) -> None:
    assert "must be a path below the project" in refused(ENTRY | {"file": file})


def test_a_file_that_is_not_there_twice_there_or_a_folder_is_named() -> None:
    assert refused(ENTRY | {"file": "teams/a.yaml"}).startswith(
        'tekton-delivery:applications[0].file = "teams/a.yaml": there is no such file; mend the file, or remove the entry'
    )
    assert "stands there twice" in refused(ENTRY, ENTRY)
    assert "is no file" in refused(ENTRY | {"file": "teams/payments"})


@pytest.mark.parametrize("repositories", [None, []])
def test_a_file_that_may_name_any_repository_says_so(repositories: list[str] | None) -> None:
    """Whoever writes it would have another team's fetched with that one's key, and its pull requests built."""
    entry = {"file": FILE} | ({} if repositories is None else {"repositories": repositories})
    said = refused(entry)
    assert said.startswith("tekton-delivery:applications[0].repositories")
    assert "`repositories: [acme/payments-*]`" in said
    assert settings(entry | {"repositories": ["*/*"]}), "the control"


@pytest.mark.parametrize("linked", [FILE, "teams/payments", "teams"])
def test_no_file_is_behind_a_link(linked: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "moved"
    Path(linked).rename(outside)
    Path(linked).symlink_to(outside)
    assert "leads through a link" in refused()


def sources(source: dict[str, str]) -> list[dict[str, Any]]:
    """Each place where an application names a source."""
    user = {"username": "shop", "password": source}
    return [
        {"buildSecrets": {"token": source}},
        {"buildArgs": {"TOKEN": source}},
        {"quarantine": user},
        {"services": {"db": {"image": source}}},
        {"tests": {"command": "make", "image": source}},
    ]


@pytest.mark.parametrize(
    "named",
    [
        "secrets/mark.key",
        ".local/secrets/mark/cosign.key",
        "teams/payments/../other/token",
        "teams/payments-other/token",
        "/etc/shadow",
        "~/.ssh/id_ed25519",
        "teams/payments/link",
    ],
)
def test_it_names_no_file_but_those_beside_it(named: str) -> None:
    Path("teams/payments/link").symlink_to("/etc/hostname")
    for own in sources({"file": named}):
        write(SHOP | own)
        line = refused()
        assert line.startswith(f"{FILE}: {next(iter(own))}"), line
        assert f'.file = "{named}": lies outside of teams/payments/' in line
    write(SHOP | {"buildSecrets": {"token": {"file": "teams/payments/secrets/token"}}})
    assert settings().applications[0].build_secrets["token"].file == "teams/payments/secrets/token"


def test_a_file_that_it_may_not_name_is_not_even_read(project: Path) -> None:
    """One that never ends would stop everybody's preview."""
    seen: list[str] = []

    def read(file: str) -> str:
        seen.append(file)
        return "x"

    write(SHOP | {"buildArgs": {"A": {"file": "/dev/zero"}}})
    with pytest.raises(SettingsError):
        load(stack_config(VALID) | stack_config_text({"applications": [ENTRY]}), read)
    assert "secrets/forge-token" in seen
    assert "/dev/zero" not in seen


def test_it_names_no_secret_of_the_stack_that_was_not_given_to_it() -> None:
    for own in sources({"config": SECRET}):
        write(SHOP | own)
        assert 'config = "paymentsNpmToken": is no secret that the stack file gives to this file' in refused()
        assert "gives to this file" in refused(ENTRY | {"config": ["another"]})
    given = ENTRY | {"config": [SECRET]}
    write(SHOP | sources({"config": SECRET})[0])
    assert settings(given)
    write(SHOP)
    assert settings(given), "it may leave it alone"


def test_what_the_stack_file_gives_to_all_is_no_ones_theft() -> None:
    shared = {"buildSecrets": {"npm": {"file": "secrets/npm"}, "more": {"config": SECRET}}}
    assert set(settings(defaults={"applications": shared}).applications[0].build_secrets) == {"npm", "more"}
    write(SHOP | shared)
    assert refused(defaults={"applications": shared}).count(f"{FILE}: buildSecrets.") == 2


@pytest.mark.parametrize(
    ("repository", "right"),
    [
        ("acme/shop", True),
        ("Acme/Shop", True),
        ("acme/payments-api", True),
        ("acme/billing", False),
        ("acme/shop-other", False),
        ("other/payments-api", False),
        ("acme/x-payments-api", False),
    ],
)
def test_it_names_the_repositories_that_are_for_it(repository: str, right: bool) -> None:
    write([SHOP, {"name": "more", "repository": repository}])
    bounded = ENTRY | {"repositories": ["acme/shop", "acme/payments-*"]}
    if right:
        assert len(settings(bounded).applications) == 2
    else:
        line = f'{FILE}: [1].repository = "{repository}": the stack file lets this file name acme/shop, acme/payments-*'
        assert refused(bounded).startswith(line)
        assert settings(ENTRY), "a control: without the bound it may"


def test_the_other_spelling_of_a_key_is_no_way_around() -> None:
    write({"name": "shop", "repository": "acme/shop", "build_secrets": {"token": {"file": "secrets/mark.key"}}})
    assert "lies outside of teams/payments/" in refused()


def test_an_entry_says_nothing_else() -> None:
    assert refused(ENTRY | {"port": 80}).startswith("tekton-delivery:applications[0].port: unknown key")
    first = {"name": "first", "repository": "acme/first"}
    assert refused(first, ENTRY | {"repositories": "acme/*"}).startswith("tekton-delivery:applications[1].repositories")


def test_editors_have_a_schema_of_such_a_file() -> None:
    registry: Registry[Any] = Registry().with_resource(
        "settings.schema.json", Resource.from_contents(json.loads(json.dumps(schema.document())))
    )
    validator = Draft7Validator(schema.of_applications(), registry=registry)
    assert validator.is_valid(SHOP)
    assert validator.is_valid([SHOP, SHOP])
    for wrong in ({"name": "shop"}, [SHOP, SHOP | {"port": 0}], SHOP | {"file": FILE}, "text"):
        assert not validator.is_valid(wrong), wrong
    stack = Draft7Validator(schema.document())
    config = {key: json.loads(value) if value[0] in "[{" else value for key, value in stack_config(VALID).items()}
    for item, right in (
        (ENTRY, True),
        (ENTRY | {"port": 80}, False),
        ({"file": FILE}, False),
        (ENTRY | {"file": "../a.yaml"}, False),
        (SHOP, True),
    ):
        assert stack.is_valid({"config": config | {"tekton-delivery:applications": [item]}}) is right


def test_the_pages_example_is_right() -> None:
    stack, file = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "applications.md").read_text(), re.M | re.S)
    shown = {key.removeprefix("tekton-delivery:"): value for key, value in yaml.safe_load(stack).items()}
    write(file, "teams/payments/applications.yaml")
    secrets = {f"tekton-delivery:{name}": "x" for name in ("npmToken", "paymentsLicence")}
    blog, api, web = load(stack_config(VALID) | stack_config_text(shown) | secrets).settings.applications
    assert (blog.health_path, api.health_path, blog.smoke_check, blog.port) == ("/", "/healthz", None, None)
    assert api.env == {"LOG_LEVEL": "info", "REGION": "north"}
    assert set(web.build_secrets) == {"npm-token", "licence", "sentry-token"}
    assert (ROOT / "docs" / "applications.schema.json").exists()
