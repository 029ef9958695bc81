"""Naming an application: what is not there is told, as far as the person may know."""

import pytest
from kubernetes import client

from components.conventions import delivery_namespace
from operate.errors import OperateError
from operate.target import target
from tests.operate.cluster import Memory
from tests.support import Declared


def test_an_application_is_found_by_its_labels() -> None:
    assert target(Memory("production"), "production", "shop").name == "shop-pod"


def test_who_may_not_look_around_is_not_told_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Memory("production")

    def forbidden() -> list[str]:
        raise client.ApiException(status=403)

    monkeypatch.setattr(cluster, "environments", forbidden)
    with pytest.raises(OperateError) as refused:
        target(cluster, "prod", "shop")
    assert str(refused.value) == "there is no environment 'prod' with applications"


def test_runs_are_looked_for_where_the_program_puts_them(production: Declared) -> None:
    assert set(production.names("Namespace")) == {"production", delivery_namespace("production")}
