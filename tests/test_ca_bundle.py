"""A company's own certificate authority: which steps believe it, where it lies, and what a stack takes for one."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from components.settings.contents import certificates
from components.settings.errors import SettingsError
from components.settings.stack import Stack
from components.tasks.step import SCRIPTS
from offline.policy import violations
from offline.reachability.rows import rows
from offline.run import placeholder, run, stack_config
from tests.authority import authority
from tests.closure import problems
from tests.support import (
    PRODUCTIONS_REGISTRY,
    ROOT,
    STAGINGS_REGISTRY,
    Declared,
    Object,
    record_config,
    shipped_config,
    source,
)

EXPIRED = ROOT / "tests" / "fixtures" / "certificates" / "expired.pem"
INVALID = ROOT / "tests" / "settings" / "invalid"
TRUST = (SCRIPTS / "trust.sh").read_text().partition("\nset -eu\n")[2].strip()
SYSTEM = "/etc/ssl/certs/ca-certificates.crt"

# How a script speaks with the forge or a registry, told by what it calls and not by its step's name.
CLIENTS = {
    "git": re.compile(r"^\s*(plainly )?(history |git )(-[cC] \S+ )*fetch ", re.M),
    "registry": re.compile(
        r"\b(crane (config|copy|delete|digest|manifest|tag)|cosign (verify-)?attest(ation)?|oras (copy|discover)|buildctl) "
    ),
}

# Of the steps in Python, the ones that do: by a module, or by where they fetch.
PYTHON = {"git": '"PARAM_REPOSITORY_URL"', "api": "steps/forge.py", "registry": "steps/registry.py"}


def over_tls(name: str, **changed: Any) -> dict[str, Any]:
    """A shipped stack on a company's own forge and registries, all of them over TLS, with its authority."""
    config = shipped_config(name)
    forge = {key: value for key, value in config["forge"].items() if key != "ssh"}
    forge |= {"apiUrl": "https://git.example/api/v1", "https": {"url": "https://git.example"}}
    forge |= {"okToTest": {"token": {"file": "secrets/reader"}}} if name == "staging" else {}
    config |= {"forge": forge, "registry": config["registry"] | {"insecure": False}}
    if "build" in config:
        config["build"] |= {"quarantine": config["build"]["quarantine"] | {"insecure": False}, "baseImages": {}}
    (application,) = config["applications"]
    shop = {"name": "shop", "repository": "acme/shop", "buildSecrets": {"token": {"file": "secrets/token"}}}
    shop |= {"services": {"db": {"image": f"registry.example/db@sha256:{'a' * 64}"}}}
    config["applications"] = [application, application | shop]
    if name == "production":
        config["environments"][0]["approval"] = {"users": ["ana@example.com"]}
    return config | {"caBundle": EXPIRED.read_text()} | changed


@pytest.fixture(scope="module", params=["staging", "production", "apart"])
def declared(request: pytest.FixtureRequest) -> Declared:
    """Each kind of stack; `apart` promotes from a registry of its own."""
    if request.param == "apart":
        return record_config(over_tls("production", registry=PRODUCTIONS_REGISTRY, sourceRegistry=STAGINGS_REGISTRY))
    return record_config(over_tls(request.param))


def steps(declared: Declared) -> Iterator[tuple[str, Object]]:
    for task in declared.all("Task"):
        for step in task["spec"]["steps"]:
            yield f"{task['metadata']['name']}/{step['name']}", step


def believing(declared: Declared) -> set[str]:
    return {where for where, step in steps(declared) if "ca-bundle" in mounts(step)}


def mounts(step: Object) -> Mapping[str, Object]:
    return {mount["name"]: mount for mount in step.get("volumeMounts", [])}


def speaks(step: Object) -> set[str]:
    if "script" not in step:
        told = "".join(f'"{entry["name"]}"' for entry in step["env"]) + source(step)
        return {client for client, mark in PYTHON.items() if mark in told.replace('given("PARAM_REPOSITORY_URL")', "")}
    code = "\n".join(line for line in step["script"].splitlines() if not line.lstrip().startswith("#"))
    return {client for client, calls in CLIENTS.items() if calls.search(code)}


def test_every_step_that_speaks_with_the_forge_or_a_registry_believes_it_and_no_other_does(declared: Declared) -> None:
    assert believing(declared) == {where for where, step in steps(declared) if speaks(step)}


def test_which_steps_those_are() -> None:
    """What the test above finds by itself."""
    building = {"build/fetch", "build/image", "build-shop/fetch", "build-shop/image"}
    staging = {
        "stage/stage",
        "stage/sign",
        "needed/needed",
        "begin/begin",
        "report/report",
        "proof/proof",
    }
    staging |= {"base-moved/moved", "clean/clean", "supersede/supersede"}
    forks = {"permit/permit", "tests/fetch", "tests-shop/fetch", "report-tests/report"}
    assert believing(record_config(over_tls("staging"))) == building | staging | forks
    promoting = {"promote/prove", "report/report", "announce/announce", "proof/proof"}
    assert believing(record_config(over_tls("production"))) == promoting
    apart = over_tls("production", registry=PRODUCTIONS_REGISTRY, sourceRegistry=STAGINGS_REGISTRY)
    assert believing(record_config(apart)) == promoting


def test_a_step_that_believes_it_says_so_before_it_does_anything_else(declared: Declared) -> None:
    for where, step in steps(declared):
        told = {entry["name"]: entry.get("value") for entry in step["env"]}
        if where in believing(declared):
            assert mounts(step)["ca-bundle"] == {"name": "ca-bundle", "mountPath": "/certificates", "readOnly": True}
            assert (told["CA_BUNDLE"], told["SYSTEM_CERTIFICATES"]) == ("/certificates/ca.crt", SYSTEM)
            if "script" not in step:
                assert told["BELIEVED_OF"], where
                continue
            first = step["script"].split("\nset -eu\n", 1)[1].lstrip()
            assert first.startswith(TRUST), where
            assert step["script"].count(TRUST) == 1, where
        else:
            assert "CA_BUNDLE" not in told, where
            assert TRUST not in source(step), where


def test_it_lies_in_the_delivery_namespace_alone(declared: Declared) -> None:
    (found,) = (item for item in declared.all("ConfigMap") if item["metadata"]["name"] == "ca-bundle")
    assert found["metadata"]["namespace"].endswith("-ci")
    assert found["data"] == {"ca.crt": EXPIRED.read_text()}
    tasks = [resource for resource in declared.resources if resource.type == "kubernetes:tekton.dev/v1:Task"]
    (held,) = (resource.urn for resource in declared.resources if resource.urn.endswith("-ca-bundle"))
    assert tasks
    assert all(held in task.dependencies for task in tasks), "a step that mounts it would wait for it"


def test_it_changes_in_place(declared: Declared) -> None:
    """Replacing it would leave a moment without it."""
    (provider,) = declared.recording.of_type("pulumi:providers:kubernetes")
    assert provider.inputs["enableConfigMapMutable"] == "true"


def test_what_is_declared_is_taken_by_tekton_and_by_the_policies(declared: Declared) -> None:
    assert [line for line in problems(declared) if not line.startswith("pipelines: ")] == []
    assert list(violations(declared.recording)) == []
    assert not [row for row in rows(declared.objects) if "ca-bundle" in row.reaches], "it is public"


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"registry": {"host": "registry.example", "insecure": True}}, {"prove", "announce", "report"}),
        ({"forge": shipped_config("production")["forge"]}, {"prove", "proof"}),
    ],
    ids=["registry", "forge"],
)
def test_where_no_tls_is_spoken_nothing_is_believed(change: dict[str, Any], left: set[str]) -> None:
    declared = record_config(over_tls("production", **change))
    assert {where.split("/")[1] for where in believing(declared)} == left
    (prove,) = (step for where, step in steps(declared) if where == "promote/prove")
    (told,) = (entry["value"] for entry in prove["env"] if entry["name"] == "BELIEVED_OF")
    assert told == ("forge-git" if "announce" in left else "registry"), "a step meets several"


def test_a_stack_without_tls_declares_none() -> None:
    plain = {key: shipped_config("production")[key] for key in ("forge", "registry")}
    assert "ca-bundle" not in record_config(over_tls("production", **plain)).names("ConfigMap")


def test_without_the_setting_a_stack_is_what_it_was(stacks: dict[str, Declared]) -> None:
    for name in ("staging", "production", "both"):
        assert "ca-bundle" not in stacks[name].names("ConfigMap")
        assert believing(stacks[name]) == set()
        assert not [where for where, step in steps(stacks[name]) if TRUST in source(step)]
        (provider,) = stacks[name].recording.of_type("pulumi:providers:kubernetes")
        assert "enableConfigMapMutable" not in provider.inputs


def test_certificates_of_any_kind_and_age_are_taken(tmp_path: Path) -> None:
    own, other = authority(tmp_path).certificate.read_text(), authority(tmp_path, "other").certificate.read_text()
    for text in (
        own,
        f"# Zertifikat für Acme\n{own}\n\n{other}",
        EXPIRED.read_text(),
        own.replace("\n", "\r\n"),
        own.rstrip(),
    ):
        assert certificates(text) == ""


def test_a_private_key_is_not_repeated_in_the_error() -> None:
    file = INVALID / "ca_bundle_with_a_private_key.yaml"
    assert "do+not+print+me" in file.read_text()
    config = stack_config(ROOT / "tests" / "settings" / "valid.yaml") | stack_config(file)
    with pytest.raises(SettingsError) as caught:
        run(lambda: (Stack.load(read=placeholder), None)[1], config=config)
    assert "do+not" not in str(caught.value)
    assert "holds a private key" in str(caught.value)


def test_what_a_file_holds_is_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.pem").write_text("-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n")
    config = stack_config(ROOT / "tests" / "settings" / "valid.yaml") | {"tekton-delivery:caBundle": '{"file": "ca.pem"}'}
    for path in (".local/images/builder", *re.findall(r'"file": "([^"]+)"', "".join(config.values()))):
        if path != "ca.pem":
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(placeholder(path))
    with pytest.raises(SettingsError) as caught:
        run(lambda: (Stack.load(), None)[1], config=config)
    line = (
        '  tekton-delivery:caBundle.file = "ca.pem": holds no certificate (`-----BEGIN CERTIFICATE-----`), only PUBLIC KEY'
    )
    assert [text.split(";")[0] for text in str(caught.value).splitlines() if "caBundle" in text] == [line]


@pytest.mark.parametrize("between", ["", "\r\n", " ", "# the next one: ", "\ufeff"])
def test_each_certificate_begins_a_line_or_programs_pass_over_it(between: str) -> None:
    """As `cat one.pem two.pem` leaves them where the first file has no last newline, or an editor where a file begins."""
    one = EXPIRED.read_text().strip()
    declared = record_config(over_tls("production", caBundle=f"{between}{one}{between}{one}"))
    given = declared.one("ConfigMap", "ca-bundle")["data"]["ca.crt"]
    assert re.findall(r"^-----BEGIN", given, re.M) == ["-----BEGIN"] * 2
    assert given.endswith("-----END CERTIFICATE-----\n")


def test_a_bundle_in_lines_stays_as_it_is() -> None:
    text = f"# ours\n{EXPIRED.read_text()}\n# theirs\n{EXPIRED.read_text()}"
    assert record_config(over_tls("production", caBundle=text)).one("ConfigMap", "ca-bundle")["data"]["ca.crt"] == text
