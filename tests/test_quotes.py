"""Quoting the log of a failed step: what it takes, and where nothing of it is declared."""

from typing import Any

import pytest

from tests.support import Declared, Object, record_config, shipped_config

LOGS = {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}


def staging(**changed: Any) -> Declared:
    config = shipped_config("staging")
    (environment,) = config["environments"]
    return record_config(config | {"environments": [environment | changed]})


def readers(declared: Declared) -> set[tuple[str, str]]:
    """Namespaces and roles that may read what pods print."""
    return {
        (role["metadata"]["namespace"], role["metadata"]["name"])
        for role in declared.all("Role")
        if any("pods/log" in rule["resources"] for rule in role["rules"])
    }


def holders(declared: Declared) -> list[str]:
    """Steps that mount the fingerprints."""
    return [
        f"{task['metadata']['name']}/{step['name']}"
        for task in declared.all("Task")
        for step in task["spec"]["steps"]
        if "log-masks" in [mount["name"] for mount in step.get("volumeMounts", [])]
    ]


def variables(declared: Declared, task: str) -> dict[str, Any]:
    (step,) = declared.one("Task", task)["spec"]["steps"]
    return {variable["name"]: variable.get("value") for variable in step["env"]}


def test_the_reporter_alone_reads_logs_and_of_its_namespace_alone() -> None:
    declared = staging()
    assert readers(declared) == {("staging-ci", "reporter")}
    rules: list[Object] = declared.one("Role", "reporter", "staging-ci")["rules"]
    assert LOGS in rules
    assert not [rule for rule in rules if set(rule["verbs"]) - {"get", "list"} or "secrets" in rule["resources"]]


def test_the_steps_that_tell_how_a_run_ended_hold_the_fingerprints_and_no_other() -> None:
    declared = staging()
    assert holders(declared) == ["report/report", "report-tests/report"]
    assert variables(declared, "report")["LOG_MASKS"] == "/credentials/log-masks/masks"
    secret = declared.one("Secret", "log-masks")
    assert secret["metadata"]["namespace"] == "staging-ci"
    assert list(secret["stringData"]) == ["masks"]


@pytest.mark.parametrize("changed", [{"quoteLogs": False}, None], ids=["quoteLogs: false", "production"])
def test_where_nothing_is_quoted_nobody_reads_logs_or_has_fingerprints(changed: dict[str, Any] | None) -> None:
    declared = record_config(shipped_config("production")) if changed is None else staging(**changed)
    assert readers(declared) == set()
    assert holders(declared) == []
    assert "log-masks" not in declared.names("Secret")
    assert variables(declared, "report")["LOG_MASKS"] is None


def test_nothing_is_quoted_that_may_hold_a_secret_which_the_program_does_not_know() -> None:
    config = shipped_config("staging")
    config["forge"]["ssh"]["privateKey"] = {"secret": {"name": "fetches", "key": "ssh-privatekey"}}
    declared = record_config(config)
    assert readers(declared) == set()
    assert holders(declared) == []
    assert "log-masks" not in declared.names("Secret")


def test_production_quotes_no_log_whatever_is_set() -> None:
    """Nothing there runs a pull request's code but the application."""
    production = shipped_config("production")
    (environment,) = production["environments"]
    declared = record_config(production | {"environments": [environment | {"quoteLogs": True}]})
    assert readers(declared) == set()
    assert "log-masks" not in declared.names("Secret")


def test_a_stack_whose_builds_hold_no_secret_quotes_all_the_same() -> None:
    """Its report waits for no Secret that is never declared."""
    config = shipped_config("staging")
    del config["build"]["quarantine"]["write"]
    config["forge"]["https"] = {"url": "https://forge.example"}
    del config["forge"]["ssh"]
    declared = record_config(config)
    assert "ssh-directory" not in declared.names("Secret")
    assert list(declared.one("Secret", "log-masks")["stringData"]) == ["masks"]
