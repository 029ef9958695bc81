"""Where pull requests run: credentials and rights of other environments have no business there."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence

from pulumi_policy.proxy import UnknownValueError

from components.conventions import key
from policy.declared import Declared, Fields, items, mapping

UNTRUSTED_FROM, ENVIRONMENT = key("untrusted-from"), key("environment")
KUBECONFIG = re.compile(r"^\s*kind:\s*Config\s*$|\"kind\":\s*\"Config\"", re.M)
TOKEN_TYPE = "kubernetes.io/service-account-token"


def credentials(stack: Sequence[Declared]) -> Iterator[tuple[str, str]]:
    """Yield (message, urn) for each credential within reach of pull requests that is not their environment's own.

    An environment runs pull requests where one of its Tasks is annotated `tekton-delivery/untrusted-from`.
    """
    environments = {
        item.name: str(item.labels.get(ENVIRONMENT, "")) for item in stack if item.kind == "Namespace" and item.group == ""
    }
    # A namespace that was there already is known by what is declared in it.
    for item in stack:
        if item.kind == "Task" and item.namespace not in environments:
            environments[item.namespace] = str(item.labels.get(ENVIRONMENT, ""))
    exposed = {
        environments.get(item.namespace, "")
        for item in stack
        if item.kind == "Task" and UNTRUSTED_FROM in mapping(item.metadata, "annotations")
    }
    reached = {namespace for namespace, environment in environments.items() if environment in exposed}
    for item in stack:
        if item.kind == "Secret" and item.group == "" and item.namespace in reached:
            for message in _secret(item, environments[item.namespace]):
                yield message, item.urn
    for message, urn in _rights(stack, environments, exposed):
        yield message, urn


def _secret(item: Declared, environment: str) -> Iterator[str]:
    where = f"{item.namespace} runs pull requests of {environment}"
    label = item.labels.get(ENVIRONMENT)
    if label != environment:
        yield f"{where}, and this Secret is of {label or 'no environment'}; label it {ENVIRONMENT}={environment} or move it"
    if item.fields.get("type") == TOKEN_TYPE:
        yield f"{where}: a token that never expires is in their reach; mount a projected one"
    if any(KUBECONFIG.search(text) for text in _texts(item.fields)):
        yield f"{where}: a kubeconfig is in their reach; each cluster has a listener of its own and needs none"


def _texts(fields: Fields) -> Iterator[str]:
    """The values of a Secret in plain text, those left out that a preview does not know yet."""
    for name in ("data", "stringData"):
        try:
            values = mapping(fields, name)
        except UnknownValueError:
            continue
        for entry in values:
            try:
                value = str(values[entry])
                yield base64.b64decode(value, validate=True).decode() if name == "data" else value
            except (UnknownValueError, binascii.Error, UnicodeDecodeError):
                continue


def _rights(stack: Sequence[Declared], environments: dict[str, str], exposed: set[str]) -> Iterator[tuple[str, str]]:
    """Rights of an exposed environment's accounts in another one; starting runs there is what a listener does."""
    harmless = {(role.namespace, role.name) for role in stack if role.kind == "Role" and _starts_runs_only(role)}
    for binding in stack:
        here = environments.get(binding.namespace, "")
        if binding.kind != "RoleBinding" or not here or here in exposed:
            continue
        if (binding.namespace, mapping(binding.fields, "roleRef").get("name")) in harmless:
            continue
        for subject in items(binding.fields, "subjects"):
            home = environments.get(str(subject.get("namespace", "")), "")
            if home in exposed:
                yield (
                    f"{subject['namespace']}/{subject['name']} is of {home}, where pull requests run; it has no rights here",
                    binding.urn,
                )


def _starts_runs_only(role: Declared) -> bool:
    return all(
        list(items(rule, "resources")) == ["pipelineruns"] and list(items(rule, "verbs")) == ["create"]
        for rule in items(role.fields, "rules")
    )
