"""Secrets: they are Pulumi secrets in Secret objects, and plain text anywhere else is none."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.stripe import StripeDetector
from pulumi_policy.proxy import UNKNOWN_OBJECT_VALUE, UNKNOWN_STRING_VALUE
from pulumi_policy.secret import Secret

from policy.declared import Declared, mapping, mappings

DETECTORS = (
    AWSKeyDetector(), AzureStorageKeyDetector(), BasicAuthDetector(), GitHubTokenDetector(), GitLabTokenDetector(),
    JwtTokenDetector(), NpmDetector(), PrivateKeyDetector(), PypiTokenDetector(), SlackDetector(), StripeDetector(),
)  # fmt: skip
NAMED = re.compile(r"(password|passwd|passphrase|secret|token|api[-_]?key|private[-_]?key|credentials?)$", re.I)
# A place where the secret is, a value that is filled in later, or a switch.
NO_SECRET = re.compile(r"|/.*|.*\$\(.*|true|false|\d+", re.S)
UNKNOWN = (UNKNOWN_STRING_VALUE, UNKNOWN_OBJECT_VALUE)


def plain_text(item: Declared) -> Iterator[str]:
    """Yield where something that looks like a credential stands in plain text. What it is, is not repeated."""
    if item.kind == "Secret" and item.group == "":
        return
    for path, found in mappings(item.fields):
        for name in found:
            if isinstance(found[name], str):
                for detector in DETECTORS:
                    if any(True for line in found[name].splitlines() for _ in detector.analyze_string(line)):
                        yield f"{path}.{name}: looks like a secret ({detector.secret_type}); put it into a Secret"
        # An environment variable or a param; a param's default counts as its value.
        for key in ("value", "default"):
            value = found.get(key)
            if isinstance(value, str) and NAMED.search(str(found.get("name", ""))) and not NO_SECRET.fullmatch(value):
                yield f"{path}.{key}: a secret by its name, in plain text; use valueFrom.secretKeyRef or a mounted Secret"
    if item.kind == "ConfigMap":
        for name, value in mapping(item.fields, "data").items():
            if NAMED.search(name) and not NO_SECRET.fullmatch(str(value)):
                yield f"data.{name}: a secret by its name, in a ConfigMap; put it into a Secret"


def marks(item: Declared) -> Iterator[str]:
    """Yield where a Secret's data is no Pulumi secret, and where a Pulumi secret leaves Secret objects.

    The fields are those that a remediation gets: a validation does not see what is marked as secret.
    """
    target = _target(item.fields)
    if item.kind == "Secret" and item.group == "":
        for field in ("data", "stringData"):
            content = _target(target.get(field))
            if isinstance(content, Mapping):
                for name, value in content.items():
                    if not isinstance(value, Secret) and value not in UNKNOWN:
                        yield f"{field}.{name}: it would be readable in the stack's state; wrap it in pulumi.Output.secret"
    else:
        for path in _marked(target, ""):
            yield f"{path}: a Pulumi secret in plain text of a {item.kind}; put it into a Secret and refer to that"


def _target(value: Any) -> Any:
    """A value without the proxy that takes the marks off."""
    proxied = isinstance(value, Mapping | Sequence) and not isinstance(value, str | dict | list)
    return cast(Any, value)["__target"] if proxied else value


def _marked(value: Any, path: str) -> Iterator[str]:
    value = _target(value)
    if isinstance(value, Secret):
        yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _marked(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _marked(item, f"{path}[{index}]")
