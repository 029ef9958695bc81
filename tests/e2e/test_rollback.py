"""Rolling back what a stolen deployer token has written into the record: refused, beside what may come back."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client

from local.demo import APPLICATION, DEPLOYMENT
from local.kubernetes_api import Object
from tests.e2e.admission import refused
from tests.e2e.people import Person, people
from tests.e2e.world import World

HISTORY = "tekton-delivery/history"
EVIL = "registry.example/evil@sha256:" + "e" * 64
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def ana(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with people(world, tmp_path_factory.mktemp("people"), operators=["ana"], others=[]) as made:
        yield made["ana"]


@pytest.fixture(scope="module")
def delivered(world: World) -> None:
    """Two pull requests are merged, and a third one has been staged."""
    for number in range(2):
        pull_request = world.open({"message.txt": f"To come back to {number}\n"})
        assert world.run("staging", pull_request)[1]
        world.merge(pull_request)
        assert world.run("production", pull_request)[1]
    assert world.run("staging", world.open({"message.txt": "Nobody merges this\n"}))[1]


def record(world: World, environment: str) -> list[Object]:
    found: list[Object] = json.loads(world.deployment(environment).metadata.annotations[HISTORY])
    return found


def served(world: World, environment: str) -> str:
    return str(world.deployment(environment).spec.template.spec.containers[0].image)


@pytest.fixture
def write(world: World, delivered: None) -> Iterator[Callable[[str, list[Object]], None]]:
    """Write a record as an administrator, whom no policy holds back; afterwards all is as it was, and nothing is held."""
    kept = {name: copy.deepcopy(world.deployment(name)) for name in ("staging", "production")}

    def written(environment: str, entries: list[Object]) -> None:
        body = {"metadata": {"annotations": {HISTORY: json.dumps(entries, separators=(",", ":"))}}}
        world.kubernetes.apps.patch_namespaced_deployment(DEPLOYMENT, environment, body)

    yield written
    for environment, before in kept.items():
        notes: Object = dict.fromkeys(world.deployment(environment).metadata.annotations)
        notes = {name: None for name in notes if name.startswith("tekton-delivery/")} | before.metadata.annotations
        containers = [{"name": "app", "image": before.spec.template.spec.containers[0].image}]
        body = {"metadata": {"annotations": notes}, "spec": {"template": {"spec": {"containers": containers}}}}
        world.kubernetes.apps.patch_namespaced_deployment(DEPLOYMENT, environment, body)


def test_a_stolen_token_writes_nothing_into_the_record_but_what_runs(world: World, delivered: None) -> None:
    deployer: Any = client.AppsV1Api(world.as_account("production-ci", "deployer"))
    entries = record(world, "production")

    def write(made: list[Object]) -> Any:
        body = {"metadata": {"annotations": {HISTORY: json.dumps(made, separators=(",", ":"), ensure_ascii=False)}}}
        return deployer.patch_namespaced_deployment(
            DEPLOYMENT, "production", body, dry_run="All", field_manager="tekton-delivery"
        )

    more = {"image": served(world, "production"), "commit": "a" * 40, "pullRequest": "1"}
    write([*entries, more][-20:])  # the control: a delivery does this
    for forged in (
        [*entries, more | {"image": EVIL}],
        [*entries, more | {"image": served(world, "staging")}],
        [entries[0] | {"image": EVIL}, *entries[1:]],
        [entries[0] | {"commit": "a" * 40}, *entries[1:], more],
        [more],
        [],
        [*entries, more | {"rolledBackBy": "ana"}],
    ):
        assert "adds what runs to the history" in refused(lambda made=forged: write(made), "production-deploys")  # type: ignore[misc]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_was_vouched_for_comes_back(
    world: World, ana: Person, capsys: Capture, write: Callable[[str, list[Object]], None], environment: str
) -> None:
    before = served(world, environment)
    code, said = ana.operate(capsys, "rollback", environment, APPLICATION)
    assert code == 0, said
    assert "it looks for the mark of sha256:" in said
    assert served(world, environment) != before
    assert "UNPROVEN" not in ana.operate(capsys, "history", environment, APPLICATION)[1]


def test_a_foreign_image_does_not_and_by_somebodys_word_it_is_shown(
    world: World, ana: Person, capsys: Capture, write: Callable[[str, list[Object]], None]
) -> None:
    before, entries = served(world, "production"), record(world, "production")
    write("production", [*entries[:-1], entries[-2] | {"image": EVIL}, entries[-1]])
    code, said = ana.operate(capsys, "rollback", "production", APPLICATION)
    assert code == 1
    assert f"{EVIL} is no image of registry.internal:5000/{APPLICATION}" in said
    assert served(world, "production") == before
    # One that gets ready, so that it is seen what the record says of it.
    write("production", [entries[-2] | {"commit": "e" * 40}, entries[-1]])
    code, said = ana.operate(capsys, "rollback", "production", APPLICATION)
    assert code == 1
    assert "no run that is left promoted" in said
    code, said = ana.operate(capsys, "rollback", "production", APPLICATION, "--unproven")
    assert code == 0, said
    assert f"UNPROVEN: nothing vouches for {entries[-2]['image']} but {ana.user}" in said
    assert "UNPROVEN" in ana.operate(capsys, "history", "production", APPLICATION)[1]


def test_what_was_staged_and_never_merged_does_not_come_to_production(
    world: World, ana: Person, capsys: Capture, write: Callable[[str, list[Object]], None]
) -> None:
    """Staging has signed it: the mark is a good one."""
    before, entries, staged = served(world, "production"), record(world, "production"), record(world, "staging")[-1]
    forged = {name: staged[name] for name in ("image", "commit", "pullRequest", "run", "at")} | {"mergeCommit": "e" * 40}
    write("production", [*entries[:-1], forged, entries[-1]])
    code, said = ana.operate(capsys, "rollback", "production", APPLICATION)
    assert code == 1
    assert "no run that is left promoted" in said
    assert served(world, "production") == before


def test_what_the_key_of_staging_has_not_signed_does_not_come_back_there(
    world: World, ana: Person, capsys: Capture, write: Callable[[str, list[Object]], None]
) -> None:
    before, entries = served(world, "staging"), record(world, "staging")
    for forged, says in (
        ({"image": before.split("@")[0] + "@sha256:" + "e" * 64}, "is not proven: staging has signed nothing about"),
        ({"commit": "e" * 40}, "is not proven: staging has signed nothing about"),
    ):
        write("staging", [*entries[:-1], entries[-2] | forged, entries[-1]])
        code, said = ana.operate(capsys, "rollback", "staging", APPLICATION)
        assert code == 1
        assert says in said
        assert served(world, "staging") == before
