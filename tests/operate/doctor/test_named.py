"""Secrets of the cluster that settings name: judged and tried as a file's would be, where who asks may read them."""

import base64
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from offline.needs.read import needs as read
from offline.needs.values import Needs
from offline.run import stack_config
from operate.doctor import command, named
from operate.doctor.api import Api
from operate.doctor.http import Http
from tests.operate.doctor.fakes import FakeCluster
from tests.support import ROOT

On = Callable[[FakeCluster], AbstractContextManager[Api]]
PLACE = "/api/v1/namespaces/production-ci/secrets"
PULLS = "/api/v1/namespaces/production/secrets/logins"
KEY = ed25519.Ed25519PrivateKey.generate()
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
).decode()
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
PEM = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
SECRET = "hunter2-of-the-forge"


@pytest.fixture(scope="module")
def needs(tmp_path_factory: pytest.TempPathFactory) -> Needs:
    """Production, which takes the forge's token, its deploy key and a registry's user from Secrets of the cluster."""
    folder = tmp_path_factory.mktemp("stack")
    texts = {"hosts": f"forge.internal {PUBLIC}", "mark": PEM, "tools": f"r.example/tools@sha256:{'a' * 64}"}
    files = {name: {"file": str(folder / name)} for name in texts}
    for name, text in texts.items():
        (folder / name).write_text(text)
    loaded = yaml.safe_load((ROOT / "Pulumi.production.yaml").read_text())
    config = loaded["config"]
    config["tekton-delivery:forge"]["ssh"] |= {"privateKey": in_secret("fetches", "key"), "knownHosts": files["hosts"]}
    config["tekton-delivery:forge"]["token"] = in_secret("forge", "token")
    config["tekton-delivery:registry"] |= {"read": {"secret": {"name": "logins"}}}
    config["tekton-delivery:mark"] = {"publicKey": files["mark"]}
    config["tekton-delivery:toolsImage"] = files["tools"]
    path = folder / "Pulumi.production.yaml"
    path.write_text(yaml.safe_dump(loaded))
    return read("production", stack_config(path))


def in_secret(name: str, key: str) -> dict[str, Any]:
    return {"secret": {"name": name, "key": key}}


def secret(**values: str) -> dict[str, Any]:
    return {"data": {key: base64.b64encode(text.encode()).decode() for key, text in values.items()}}


def logins(host: str = "registry.internal:5000", login: Any = None) -> dict[str, Any]:
    known = login or {"auth": base64.b64encode(b"puller:hunter2").decode()}
    return secret(**{".dockerconfigjson": json.dumps({"auths": {host: known}})})


def there(**changed: Any) -> FakeCluster:
    made = {"forge": secret(token=SECRET), "fetches": secret(key=PRIVATE), "logins": logins()} | changed
    objects = {f"{PLACE}/{name}": found for name, found in made.items() if found is not None}
    return FakeCluster(objects | {PULLS: logins(), "/version": {}})


def looked_at(on: On, needs: Needs, cluster: FakeCluster) -> named.Revealed:
    with on(cluster) as api:
        return named.read(needs, api)


def test_what_they_hold_is_tried_like_any_other(on: On, needs: Needs) -> None:
    assert (needs.forge.token, needs.forge.key) == (None, None), "the control: the settings do not tell"
    found = looked_at(on, needs, there())
    assert [(row.state, row.what) for row in found.rows] == [
        ("fine", "what settings take from Secrets of production-ci"),
        ("fine", "what settings take from Secrets of production"),
    ]
    assert found.needs.forge.token == SECRET
    assert found.needs.forge.key is not None
    assert found.needs.forge.key.strip() == PRIVATE.strip()
    assert found.needs.forge.unread == ()
    assert {(right.login.username, right.login.password) for right in found.needs.rights if right.login} == {
        ("puller", "hunter2")
    }
    assert found.needs.objects == needs.objects, "what is declared stays what is declared"
    assert SECRET not in repr(found)
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("changed", "what", "said"),
    [
        ({"forge": None}, "tekton-delivery:forge.token, the Secret production-ci/forge, key token", "it is not there"),
        ({"forge": secret(other=SECRET)}, "forge.token", "it has no such key"),
        ({"forge": secret(token=" \n")}, "forge.token", "the key is empty"),
        ({"forge": secret(token="two words")}, "forge.token", "holds no token, which is one word"),
        ({"fetches": secret(key="no key")}, "forge.ssh.privateKey", "holds no private key"),
        ({"fetches": secret(key=PRIVATE[:100])}, "forge.ssh.privateKey", "holds no private key"),
        ({"logins": None}, "registry.read, the Secret production-ci/logins, key .dockerconfigjson", "it is not there"),
        ({"logins": logins("ghcr.io")}, "registry.read", "has no login for registry.internal:5000"),
        ({"logins": logins(login={"auth": "***"})}, "registry.read", "has no user and password for"),
        ({"logins": secret(**{".dockerconfigjson": "[]"})}, "registry.read", "holds no logins"),
    ],
)
def test_one_that_holds_something_else_is_named_without_what_it_holds(
    on: On, needs: Needs, changed: Any, what: str, said: str
) -> None:
    rows = looked_at(on, needs, there(**changed)).rows
    wrong = [row for row in rows if row.state == "wrong"]
    assert any(what in row.what and row.said.startswith(said) and row.mend for row in wrong), rows
    assert not any(text in str(rows) for text in (SECRET, "two words", "hunter2", PRIVATE[40:90]))


def test_one_that_may_not_be_read_is_unknown_and_the_rest_is_looked_at(on: On, needs: Needs) -> None:
    cluster = there()
    cluster.refused[f"{PLACE}/logins"] = 403
    found = looked_at(on, needs, cluster)
    assert [row.state for row in found.rows] == ["unknown", "fine", "fine"]
    assert found.needs.forge.token == SECRET


def test_other_mistakes_keep_nothing_from_being_tried(on: On, needs: Needs) -> None:
    """A file that is not here, for example: the form is not told then, and what is asked with it is."""
    forge = json.loads(needs.configuration["tekton-delivery:forge"])
    forge["ssh"]["knownHosts"] = {"file": "/nonexistent"}
    lacking = replace(needs, configuration={**needs.configuration, "tekton-delivery:forge": json.dumps(forge)})
    assert looked_at(on, lacking, there()).needs.forge.token == SECRET


def test_nodes_pull_by_one_of_the_namespace_where_applications_run(on: On, needs: Needs) -> None:
    cluster = there()
    del cluster.objects[PULLS]
    (row,) = [row for row in looked_at(on, needs, cluster).rows if row.state == "wrong"]
    assert row.what == "tekton-delivery:registry.read, the Secret production/logins, key .dockerconfigjson"


def test_the_command_looks_at_them_with_the_secrets_and_tries_them_at_the_forge(
    on: On, needs: Needs, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str | None] = []
    with on(there()) as api:
        made = command.Examination(needs, Http())
        monkeypatch.setattr(command, "Api", lambda needs: api)
        monkeypatch.setattr(command.forge, "rows", lambda needs, http: tried.append(needs.forge.token) or iter(()))
        assert list(made.of("forge")) == []
        assert "what settings take from Secrets of production-ci" in [row.what for row in made.of("secrets")]
    assert tried == [SECRET]
