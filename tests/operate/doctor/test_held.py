"""Secrets in the cluster, in the form that pods mount."""

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from offline.needs.read import needs
from offline.needs.values import UNREAD, Needs
from offline.run import RANDOM_PASSWORD, placeholder
from operate import declared
from operate.doctor import generated, held
from operate.doctor.api import Api
from operate.doctor.rows import Row
from operate.errors import OperateError
from steps.mint import EXPIRES
from tests.operate.doctor.fakes import FakeCluster
from tests.support import fetched_by_app_config, stack_config_text

On = Callable[[FakeCluster], AbstractContextManager[Api]]
HERE = "/api/v1/namespaces/staging-ci/secrets"
TOKEN = f"{HERE}/forge-token"
# What Pulumi's state has.
MADE = {"listener-webhook-secret": "w" * 40, "staging-credentials-log-masks": "m" * 40}


def encoded(values: dict[str, Any]) -> dict[str, Any]:
    return {"data": {key: base64.b64encode(str(text).encode()).decode() for key, text in values.items()}}


def brought_up(needs: Needs) -> FakeCluster:
    made: dict[str, Any] = {}
    needs, _ = generated.read(needs, lambda stack: MADE)
    for each in needs.of_kind("Secret"):
        place = f"/api/v1/namespaces/{each['metadata']['namespace']}"
        made |= {place: {}, f"{place}/secrets/{each['metadata']['name']}": encoded(each.get("stringData") or {})}
    return FakeCluster(made)


def rows(
    on: On, needs: Needs, made: FakeCluster, state: Callable[[str], Mapping[str, str]] = lambda stack: MADE
) -> list[Row]:
    with on(made) as api:
        return list(held.rows(needs, api, state))


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the stack names, as placeholders."""
    monkeypatch.setattr(generated, "read_file", placeholder)


def test_a_stack_that_is_up_is_fine(on: On, staging: Needs) -> None:
    assert [row.state for row in rows(on, staging, brought_up(staging))] == ["fine", "fine"]


def test_a_stack_that_is_not_up_is_unknown(on: On, staging: Needs) -> None:
    found = rows(on, staging, FakeCluster())
    assert [(row.state, row.mend) for row in found] == [("unknown", "pulumi up --stack staging")] * 2


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (None, "it is not there"),
        ({"data": {}}, "its key token is not there"),
        (encoded({"token": " \n"}), "its key token is empty"),
        (encoded({"token": "hunter2"}), "its key token holds another value than the stack's settings or its state"),
    ],
)
def test_a_secret_that_is_otherwise_is_named_without_its_value(on: On, staging: Needs, live: Any, said: str) -> None:
    made = brought_up(staging)
    if live is None:
        del made.objects[TOKEN]
    else:
        made.objects[TOKEN] = live
    (wrong,) = [row for row in rows(on, staging, made) if row.state == "wrong"]
    assert (wrong.what, wrong.said) == ("the Secret staging-ci/forge-token", said)
    assert "hunter2" not in str(wrong)


def test_what_was_generated_or_cannot_be_read_is_compared_with_nothing(on: On, staging: Needs) -> None:
    auth = base64.b64encode(f"puller:{UNREAD}".encode()).decode()
    unread = {
        "registry-pull": {".dockerconfigjson": json.dumps({"auths": {"r": {"auth": auth}}})},
        "forge-token": {"token": UNREAD},
    }

    def changed(each: Any) -> Any:
        values = unread.get(each["metadata"]["name"]) if each["kind"] == "Secret" else None
        return each | {"stringData": values} if values else each

    made = brought_up(staging)
    for path in [TOKEN, f"{HERE}/webhook-secret", f"{HERE}/log-masks"]:
        made.objects[path] = encoded({"token": "other", "secret": "other", "masks": "other"})
    needs = replace(staging, objects=tuple(map(changed, staging.objects)))
    found = rows(on, needs, made, unreadable)
    assert [row.state for row in found] == ["fine", "unknown", "fine"]
    assert "webhook-secret (secret)" in found[1].what
    assert "log-masks (masks)" in found[1].what
    assert found[1].said == "it is there, and was not compared: pulumi is not on PATH"
    assert "webhook-secret" not in found[2].said, "nobody calls that fine"


def unreadable(stack: str) -> dict[str, str]:
    raise OperateError("pulumi is not on PATH")


@pytest.mark.parametrize(("name", "key"), [("webhook-secret", "secret"), ("log-masks", "masks")])
def test_what_pulumi_made_is_compared_with_its_state(on: On, staging: Needs, name: str, key: str) -> None:
    made = brought_up(staging)
    made.objects[f"{HERE}/{name}"] = encoded({key: "x"})
    (wrong,) = [row for row in rows(on, staging, made) if row.state != "fine"]
    said = f"its key {key} holds another value than the stack's settings or its state"
    assert (wrong.state, wrong.what, wrong.said) == ("wrong", f"the Secret staging-ci/{name}", said)
    assert wrong.mend == "pulumi up --refresh --stack staging", "without it Pulumi believes what it once did"
    assert MADE["listener-webhook-secret"] not in str(rows(on, staging, made))


def test_a_state_without_a_value_is_told(on: On, staging: Needs) -> None:
    (unknown,) = [row for row in rows(on, staging, brought_up(staging), lambda stack: {}) if row.state != "fine"]
    assert (unknown.state, unknown.said.endswith("Pulumi's state has no value for it")) == ("unknown", True)


def test_fingerprints_of_secrets_that_cannot_be_read_are_compared_with_nothing(
    on: On, staging: Needs, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = brought_up(staging)
    monkeypatch.setattr(generated, "read_file", lambda path: UNREAD if "quarantine" in path else placeholder(path))
    assert {row.state for row in rows(on, staging, made)} == {"fine"}


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"deployment": {"resources": [{"type": RANDOM_PASSWORD}]}})])
def test_a_state_of_another_form_is_one_error(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(declared, "pulumi", lambda *arguments: text)
    with pytest.raises(OperateError, match="tells no state"):
        declared.passwords("staging")


def test_secrets_that_may_not_be_read_are_unknown(on: On, staging: Needs) -> None:
    made = brought_up(staging)
    made.refused[TOKEN] = 403
    assert [row.state for row in rows(on, staging, made)].count("unknown") == 1


def deployment(*containers: Any, volumes: tuple[Any, ...] = ()) -> Any:
    spec = {"template": {"spec": {"containers": list(containers), "volumes": list(volumes)}}}
    return {"kind": "Deployment", "metadata": {"namespace": "staging", "name": "shop"}, "spec": spec}


def test_what_pods_only_name_has_to_be_there(on: On, staging: Needs) -> None:
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "queue", "key": "url"}}}]
    maybe = [{"secretRef": {"name": "perhaps", "optional": True}}, {"configMapRef": {"name": "common"}}]
    volumes = (
        {"name": "m", "persistentVolumeClaim": {"claimName": "media"}},
        {"name": "c", "configMap": {"name": "shop", "items": [{"key": "shop.conf", "path": "x"}]}},
        {"name": "o", "secret": {"secretName": "keys", "optional": True}},
    )
    more = deployment({"name": "app", "env": env, "envFrom": maybe}, volumes=volumes)
    needs, made = replace(staging, objects=(*staging.objects, more)), brought_up(staging)
    assert {row.what for row in rows(on, needs, made) if row.state == "wrong"} == {
        "the Secret staging/queue, key url",
        "the ConfigMap staging/common",
        "the ConfigMap staging/shop, key shop.conf",
        "the PersistentVolumeClaim staging/media",
    }
    at = "/api/v1/namespaces/staging"
    made.objects |= {
        f"{at}/secrets/queue": encoded({"url": ""}),
        f"{at}/configmaps/common": {},
        f"{at}/configmaps/shop": {"data": {"shop.conf": "x"}},
        f"{at}/persistentvolumeclaims/media": {},
    }
    (wrong,) = [row for row in rows(on, needs, made) if row.state == "wrong"]
    assert (wrong.what, wrong.said) == ("the Secret staging/queue, key url", "the key is empty")


# --- tokens that the minter has made ---


def minted(stack: Needs, **changes: Any) -> FakeCluster:
    """A stack that is up, whose Secret with tokens has been changed like this."""
    made = brought_up(stack)
    until = (datetime.now(UTC) + timedelta(minutes=52.2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    live = encoded({"acme.shop": "ghs_a", "globex.till": "ghs_b"})
    live |= {"metadata": {"annotations": {EXPIRES: json.dumps({"acme.shop": until, "globex.till": until})}}}
    for namespace in ("staging-ci", "production-ci"):
        made.objects[f"/api/v1/namespaces/{namespace}/secrets/basic-auth"] = live | changes
    return made


@pytest.fixture(scope="module")
def by_app() -> Needs:
    """A stack whose commits are fetched by an App."""
    config = stack_config_text(fetched_by_app_config())
    return needs("test", config, read=placeholder)


def of_tokens(on: On, stack: Needs, made: FakeCluster) -> list[Row]:
    return [row for row in rows(on, stack, made) if row.what.startswith("the tokens that fetch in staging-ci")]


def test_it_is_told_for_how_long_tokens_open_what(on: On, by_app: Needs) -> None:
    (row,) = of_tokens(on, by_app, minted(by_app))
    assert (row.state, row.said) == ("fine", "acme/shop for 52 min more, Globex/Till for 52 min more")


ENDED = {"acme.shop": "2026-01-02T03:04:05Z", "globex.till": "2126-01-02T03:04:05Z"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data": {}}, "there is none for acme/shop"),
        ({"metadata": {}}, "there is none for acme/shop"),
        ({"metadata": {"annotations": {EXPIRES: json.dumps(ENDED)}}}, "ended: acme/shop"),
        ({"metadata": {"annotations": {EXPIRES: "[]"}}}, "says no times"),
    ],
)
def test_tokens_that_open_nothing_are_wrong(on: On, by_app: Needs, changed: Any, said: str) -> None:
    (row,) = of_tokens(on, by_app, minted(by_app, **changed))
    assert (row.state, row.mend) == ("wrong", "kubectl -n staging-ci logs deployment/minter")
    assert said in row.said
