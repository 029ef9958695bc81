"""A stack of 40 applications of 12 repositories, in files that people can read: all is declared, and nothing too large."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import sources
from components.settings.errors import SettingsError
from components.settings.stack import Stack
from offline.render import program
from offline.run import placeholder, run, stack_config
from tests.admission import refusals
from tests.sink import deliver
from tests.support import Declared, Object, shipped_config
from tests.test_routing import payload

# A team with one repository of 29 applications, and 11 repositories of one application each, in two files and the stack's.
MONO = 29
TEAMS = {"payments": 5, "search": 4, "": 2}
# What one request to etcd may hold, the bound on an object that Kubernetes has.
ETCD = 1536 * 1024


def write(folder: Path) -> Path:
    """The stack file of a folder, and the files of the teams beside it."""
    shipped = shipped_config("both") | {
        "defaults": {
            "applications": {"healthPath": "/healthz", "testCommand": "make test", "env": {"LOG_LEVEL": "info"}},
            "environments": {"rolloutTimeout": "2m", "replicas": 2},
        }
    }
    for environment in shipped["environments"]:
        del environment["rolloutTimeout"]
    entries: list[Any] = []
    for team, count in TEAMS.items():
        own = [
            {"name": f"{team or 'own'}-{number}", "repository": f"acme/{team or 'own'}-{number}"} for number in range(count)
        ]
        entries += [entry(folder, team, own)] if team else own
    parts = [f"part-{number:02}" for number in range(MONO)]
    mono = [
        {"name": part, "repository": "acme/mono", "paths": [part, "lib"], "dockerfile": f"{part}/Dockerfile"}
        for part in parts
    ]
    shipped["applications"] = [*entries, entry(folder, "mono", mono)]
    file = folder / "Pulumi.forty.yaml"
    file.write_text(yaml.safe_dump({"config": {f"tekton-delivery:{key}": value for key, value in shipped.items()}}))
    return file


def entry(folder: Path, team: str, applications: list[Object]) -> Object:
    """A team's file, and how the stack file names it."""
    file = folder / "teams" / team / "applications.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(applications))
    return {"file": str(file.relative_to(folder)), "repositories": [f"acme/{team}", f"acme/{team}-*"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forty")


@pytest.fixture(scope="module")
def forty(folder: Path) -> Declared:
    config = stack_config(write(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        began = time.monotonic()
        made = Declared(run(lambda: program()(Stack.load(read=placeholder)), stack="forty", config=config))
    print(f"{len(made.resources)} resources in {time.monotonic() - began:.1f} s")
    return made


def test_the_stack_file_is_one_that_people_read(forty: Declared, folder: Path) -> None:
    files = [folder / "Pulumi.forty.yaml", *sorted((folder / "teams").rglob("*.yaml"))]
    lengths = {file.name: len(file.read_text().splitlines()) for file in files}
    assert len(files) == 4
    assert lengths["Pulumi.forty.yaml"] < 150, "without a line for each application"


def test_all_of_it_is_declared(forty: Declared) -> None:
    counts = Counter(item["kind"] for item in forty.objects)
    assert counts["Deployment"] == counts["Service"] == counts["Lease"] == 2 * 40
    assert counts["Pipeline"] == 40 * len([item for item in forty.all("Pipeline") if "own-0-" in item["metadata"]["name"]])
    # Each event has one for each application of the largest repository.
    assert counts["Trigger"] == counts["TriggerTemplate"] * MONO
    assert counts["EventListener"] == 1
    for namespace, pods in (("qa", 120), ("live", 120), ("qa-ci", 162), ("live-ci", 162)):
        assert forty.one("ResourceQuota", "pods", namespace)["spec"]["hard"] == {"pods": str(pods)}


def test_nothing_is_near_what_etcd_takes(forty: Declared) -> None:
    sizes = sorted(((len(json.dumps(item)), item["kind"], item["metadata"]["name"]) for item in forty.objects), reverse=True)
    print("\n".join(f"{size:>8} {kind} {name}" for size, kind, name in sizes[:5]))
    # What steps run is the same for one application.
    assert [size for size, *item in sizes if size > ETCD / 4] == []
    assert [item for size, *item in sizes if size > ETCD / 8 and item != ["ConfigMap", sources.config_map()]] == []


def test_an_event_of_the_largest_repository_starts_each_of_its_applications(forty: Declared) -> None:
    body = json.loads(json.dumps(payload("gitea", "opened")).replace("acme/chespirito", "acme/mono"))
    started = deliver(forty, body)
    assert {run["metadata"]["labels"]["app.kubernetes.io/name"] for run in started} == {f"part-{n:02}" for n in range(MONO)}
    for each in (started[0], started[-1]):
        assert refusals(forty, "tekton-delivery-qa-runs", each, user="system:serviceaccount:qa-ci:listener") == []


def test_one_wrong_application_is_named_and_nothing_is_declared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    file = Path("teams/search/applications.yaml")
    right = file.read_text()
    file.write_text(right.replace("acme/search-3", "acme/payments-3"))
    declared: list[Any] = []
    try:
        with pytest.raises(SettingsError) as caught:
            run(lambda: declared.append(Stack.load(read=placeholder)), config=stack_config(Path("Pulumi.forty.yaml")))
    finally:
        file.write_text(right)
    assert declared == []
    assert str(caught.value).splitlines()[1:] == [
        f'  {file}: [3].repository = "acme/payments-3": the stack file lets this file name acme/search, acme/search-* '
        "(`repositories` beside `file`)"
    ]
