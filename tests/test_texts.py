"""Texts of the settings arrive where they are used as they were written, whatever Tekton and Kubernetes make of a `$`."""

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from components.conventions import literal
from components.settings import places
from components.settings.errors import SettingsError
from offline.run import stack_config
from tests import expansion
from tests.support import SERVICE_IMAGE, Declared, record_config, shipped_config, stack_config_text
from tests.test_settings import VALID, load

# A shell's own words, a process's number, names that are variables of the very container, and ends that belong to nothing.
AWKWARD = "a $HOME ${X:-y} $(HOME) $(PORT) $$ $$$ $$(PORT) $(date) $( x ) $() $(a $(b)) $(params) $ä $( \" ' ` \\ %s $"
# A Pipeline takes no `$(name)`, which a service and an application do.
PIPED = re.sub(r"\$\(([\w.]+)\)", r"$( \1)", AWKWARD)
PATHS = [
    "packages/@acme/shop",
    "app/[locale]",
    "app/(group)/$slug.tsx",
    "a b/#c,d+e=f&g;h~i",
    'it\'s/"so"/{{x}}',
    ".x/-y/$$( HOME)",
]
HEALTH = "/healthz?full=1&of=$(PORT)&a=b%20c,$$"
SMOKE = "/healthz?full=1&of=$PORT&a=b%20c,$$"


def application(**changed: Any) -> dict[str, Any]:
    services = {
        "db": {
            "image": SERVICE_IMAGE,
            "command": [AWKWARD, "$(A)"],
            "args": [AWKWARD, "$(A)"],
            "env": {"A": "1", "B": AWKWARD, "C": "$(A)"},
            "ready": {"port": 1, "path": HEALTH},
        }
    }
    return {
        "name": "shop",
        "repository": "acme/chespirito",
        "healthPath": HEALTH,
        "env": {"A": "1", "B": AWKWARD, "C": "$(A) $(LATER)"},
        "testCommand": PIPED,
        "smokeCheck": {"path": SMOKE, "contains": PIPED},
        "buildArgs": {"A": PIPED, "B": "x=y, z "},
        "services": services,
        "paths": [*PATHS, "a$$b", "app/(group)/[x]/$a/Dockerfile"],
        "dockerfile": "app/(group)/[x]/$a/Dockerfile",
        "context": "app/(group)/[x]/$( HOME)$HOME",
    } | changed


def awkward_staging() -> Declared:
    shipped = shipped_config("staging")
    (environment,) = shipped["environments"]
    here = {"applications": {"shop": {"env": {"LATER": "2", "D": AWKWARD}}}}
    environment = environment | here | {"staleBase": "rebuild"}
    del environment["nodePorts"]
    return record_config(shipped | {"applications": [application()], "environments": [environment]})


def awkward_production() -> Declared:
    shipped = shipped_config("production")
    approval = {"users": ["svc$", "$$(RUN_UID)"], "groups": ["$(PARAM_RUN)"]}
    environment = {"name": "production", "deliverOn": "merge", "approval": approval}
    return record_config(shipped | {"applications": [application()], "environments": [environment]})


@pytest.fixture(scope="module")
def staging() -> Declared:
    return awkward_staging()


@pytest.fixture(scope="module")
def production() -> Declared:
    return awkward_production()


def process(stack: Declared, pipeline: str, name: str, step: str) -> dict[str, str]:
    found = stack.one("Pipeline", f"shop-{pipeline}")["spec"]
    (planned,) = (each for each in [*found["tasks"], *found.get("finally", [])] if each["name"] == name)
    return expansion.process(found, stack.one("Task", planned["taskRef"]["name"])["spec"], name, step)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(VAR_A)", "A"),
        ("___$(VAR_B)___", "___B___"),
        ("$(VAR_A)-1", "A-1"),
        ("foo\\\\$(VAR_A)", "foo\\\\A"),
        ("$$(VAR_B)_$(VAR_A)", "$(VAR_B)_A"),
        ("f000-$$VAR_A", "f000-$VAR_A"),
        ("\\$(VAR_A)", "\\A"),
        ("foo\\$$(VAR_A)", "foo\\$(VAR_A)"),
        ("$$$$$$(VAR_A)", "$$$(VAR_A)"),
        ("$$$$$(VAR_A)", "$$A"),
        ("$(VAR_A)$(VAR_B)", "AB"),
        ("$(VAR_DNE)", "$(VAR_DNE)"),
        ("$VAR_A", "$VAR_A"),
        ("foo$bar", "foo$bar"),
        ("$?_boo_$!", "$?_boo_$!"),
        ("$(VAR_A", "$(VAR_A"),
        ("$$", "$"),
        ("foo$", "foo$"),
        ("$(VAR_$(VAR_A))", "$(VAR_$(VAR_A))"),
    ],
)
def test_the_model_of_kubernetes_expands_as_kubernetes_own_test_says(text: str, expected: str) -> None:
    """Cases of third_party/forked/golang/expansion/expand_test.go."""
    assert expansion.kubernetes(text, {"VAR_A": "A", "VAR_B": "B"}) == expected


def test_what_is_made_literal_comes_out_as_it_was() -> None:
    known = {"HOME": "/root", "PORT": "1", " x ": "2", "": "3"}
    assert expansion.kubernetes(AWKWARD, known) != AWKWARD
    assert expansion.kubernetes(literal(AWKWARD), known) == AWKWARD


def test_an_application_has_its_variables(staging: Declared) -> None:
    (container,) = staging.one("Deployment", "shop-pod")["spec"]["template"]["spec"]["containers"]
    found = expansion.environment(container)
    expected = {"HEALTH_PATH": HEALTH, "A": "1", "B": AWKWARD, "C": "$(A) $(LATER)", "LATER": "2", "D": AWKWARD}
    assert {name: found[name] for name in expected} == expected
    assert container["readinessProbe"]["httpGet"]["path"] == HEALTH, "which Kubernetes does not expand"


def test_a_service_has_its_command_and_variables(staging: Declared) -> None:
    (task,) = (found for found in staging.all("Task") if found["metadata"]["name"] == "build-shop")
    (sidecar,) = task["spec"]["sidecars"]
    given: dict[str, str] = {f"params.{param['name']}": "put in" for param in task["spec"]["params"]}
    sidecar = expansion.tekton(sidecar, given)
    assert expansion.environment(sidecar) == {"A": "1", "B": AWKWARD, "C": "$(A)"}
    for key in ("command", "args"):
        assert expansion.arguments(sidecar, key) == [AWKWARD, "$(A)"]
    waits = process(staging, "staging-pipeline", "build", "await-db")
    assert waits["HTTP_PATH"] == HEALTH


@pytest.mark.parametrize("pipeline", ["staging-pipeline", "staging-rebuild-pipeline"])
def test_tests_and_builds_get_what_was_written(staging: Declared, pipeline: str) -> None:
    tested, built = (process(staging, pipeline, "build", step) for step in ("test", "image"))
    assert tested["PARAM_TEST_COMMAND"] == PIPED
    assert built["PARAM_DOCKERFILE"] == "app/(group)/[x]/$a/Dockerfile"
    assert built["PARAM_CONTEXT"] == "app/(group)/[x]/$( HOME)$HOME"
    assert built["PARAM_BUILD_ARGS"].split("\n") == [f"A={PIPED}", "B=x=y, z "]


def test_a_forks_tests_get_what_was_written(staging: Declared) -> None:
    assert process(staging, "staging-fork-pipeline", "tests", "test")["PARAM_TEST_COMMAND"] == PIPED


def test_rollouts_ask_what_was_written(staging: Declared, production: Declared) -> None:
    for stack, pipeline, name, step in (
        (staging, "staging-pipeline", "stage", "stage"),
        (production, "production-pipeline", "promote", "approve"),
    ):
        found = process(stack, pipeline, name, step)
        assert found["PARAM_SMOKE_URL"].endswith(f":80{SMOKE}"), name
        assert found["PARAM_SMOKE_CONTAINS"] == PIPED


def test_all_that_fetch_get_the_paths_that_were_written(staging: Declared, production: Declared) -> None:
    expected = [*PATHS, "a$$b", "app/(group)/[x]/$a/Dockerfile"]
    for stack, pipeline, name, step in (
        (staging, "staging-pipeline", "needed", "needed"),
        (staging, "staging-pipeline", "build", "fetch"),
        (staging, "staging-rebuild-pipeline", "build", "fetch"),
        (staging, "staging-fork-pipeline", "tests", "fetch"),
        (staging, "staging-pipeline", "stage", "stage"),
        (staging, "staging-base-moved-pipeline", "base-moved", "moved"),
        (production, "production-pipeline", "promote", "prove"),
    ):
        assert process(stack, pipeline, name, step)["PARAM_PATHS"].split("\n") == expected, name


def test_people_who_approve_are_called_as_the_cluster_calls_them(production: Declared) -> None:
    found = process(production, "production-pipeline", "promote", "approve")
    assert found["APPROVERS"] == "svc$, $$(RUN_UID), group $(PARAM_RUN)"
    told = process(production, "production-pipeline", "announce", "announce")
    assert told["WAITS_FOR"].startswith("waits for 1 of svc$, $$(RUN_UID), group $(PARAM_RUN) to approve")


def test_a_build_argument_of_a_file_is_one_line_and_no_variable_of_tekton() -> None:
    """A second line would be an argument of its own."""

    def read(path: str) -> str:
        return {"two": "a\nB=c\n", "variable": "$(params.image)\n", "fine": f"{PIPED}\n"}[path]

    def problems(path: str) -> str:
        named = {"name": "shop", "repository": "acme/shop", "buildArgs": {"A": {"file": path}}}
        config = stack_config(VALID) | stack_config_text({"applications": [named]})
        try:
            load(config, lambda name: read(name) if name in ("two", "variable", "fine") else _content(name))
        except SettingsError as error:
            return str(error)
        return ""

    assert "applications[0].buildArgs.A: has more than one line" in problems("two")
    assert "applications[0].buildArgs.A: holds `$(params.`" in problems("variable")
    assert problems("fine") == ""


def _content(name: str) -> str:
    return f"registry.example/x@sha256:{'0' * 64}" if "/images/" in name else "content"


LETTERS = [chr(number) for number in range(0, 300)] + ["\u2028", "\ud7ff"]


@pytest.mark.parametrize(
    ("form", "start"), [("PathInside", "a"), ("RelativePath", "a"), ("Dockerfile", "a"), ("HttpPath", "/a")]
)
def test_an_editor_and_the_program_take_the_same_characters_anywhere(form: str, start: str) -> None:
    adapter = TypeAdapter(getattr(places, form))
    pattern = re.compile(adapter.json_schema()["pattern"], re.ASCII)  # as in JavaScript
    tried = [text for letter in LETTERS for text in (letter, f"{start}{letter}", f"{start}{letter}b", f"{start}/{letter}/b")]
    tried += [f"{start}?{letter}" for letter in LETTERS] + [
        ".",
        "..",
        "a/..",
        "a/./b",
        "a//b",
        ".GIT",
        ".git/x",
        ".gitignore",
    ]
    different = [text for text in tried if bool(pattern.fullmatch(text)) != _accepts(adapter, text)]
    assert different == []
    assert _accepts(adapter, f"{start}/@b")


def _accepts(adapter: TypeAdapter[str], text: str) -> bool:
    try:
        return adapter.validate_python(text) == text
    except ValidationError:
        return False
