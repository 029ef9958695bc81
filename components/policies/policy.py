"""One ValidatingAdmissionPolicy as plain values, and the CEL expressions that several of them share."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.cel import quote
from components.conventions import Manifest

# What the API server itself writes with every change.
KEPT_BY_THE_SERVER = ("managedFields", "generation", "resourceVersion")

_HOLE = re.compile(r"\$\(tt\.params\.([a-z-]+)\)")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a policy looks at and what must hold. `name` ends its object's name, e.g. `tekton-delivery-staging-runs`."""

    name: str
    namespace: str
    """Where it applies."""
    rules: Sequence[Manifest]
    """Requests that it looks at, as `matchConstraints.resourceRules`."""
    account: str | None = None
    """User name of the service account whose requests it looks at; None for everybody's."""
    conditions: Mapping[str, str] = field(default_factory=dict)
    """What else must hold of a request that it looks at, by a name."""
    variables: Mapping[str, str] = field(default_factory=dict)
    validations: Sequence[Manifest]

    def spec(self) -> Manifest:
        """Return the ValidatingAdmissionPolicy's spec. What cannot be evaluated is refused."""
        made: Manifest = {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": list(self.rules)},
            "validations": list(self.validations),
        }
        if self.variables:
            made["variables"] = [{"name": name, "expression": text} for name, text in self.variables.items()]
        if self.account:
            who = f"request.userInfo.username == {quote(self.account)}"
            made["matchConditions"] = [{"name": "account", "expression": who}]
        if self.conditions:
            more = [{"name": name, "expression": text} for name, text in self.conditions.items()]
            made["matchConditions"] = made.get("matchConditions", []) + more
        return made

    def binding(self, policy_name: str) -> Manifest:
        """Return the spec of a binding. The label is the API server's own: nobody can take it off a namespace."""
        selector = {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}
        return {
            "policyName": policy_name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": selector},
        }


def rule(group: str, version: str, resources: Sequence[str], operations: Sequence[str]) -> Manifest:
    """Return a resource rule."""
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "resources": list(resources),
        "operations": list(operations),
    }


def validation(message: str, expression: str, detail: str | None = None) -> Manifest:
    """Return a validation; `detail`, an expression for a text, follows the message if it has a value."""
    made = {"expression": expression, "message": message, "reason": "Forbidden"}
    return made | ({"messageExpression": f"{quote(message + ': ')} + {detail}"} if detail else {})


def account(namespace: str, name: str) -> str:
    """Return the user name of a service account."""
    return f"system:serviceaccount:{namespace}:{name}"


def texts(values: Sequence[str]) -> str:
    """Return a list of texts as a CEL literal."""
    return f"[{', '.join(quote(value) for value in values)}]"


def same_but(new: str, old: str, *fields: str) -> str:
    """Return the expression that two objects differ in nothing but the named fields. Fields to come are compared too."""
    free = texts(fields)
    return (
        f"dyn({new}).all(k, k in {free} || (k in dyn({old}) && dyn({new})[k] == dyn({old})[k])) && "
        f"dyn({old}).all(k, k in {free} || k in dyn({new}))"
    )


def optional(parent: str, name: str, otherwise: str) -> str:
    """Return the expression for a field that may be absent."""
    return f"(has({parent}.{name}) ? dyn({parent}.{name}) : dyn({otherwise}))"


def literal(value: Any) -> str:
    """Return a manifest as a CEL literal. A TriggerTemplate's `$(tt.params.x)` becomes the value of `variables.given.x`."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{quote(name)}: {_item(item, value.values())}" for name, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_item(item, value) for item in value) + "]"
        case str():
            pieces = _HOLE.split(value)
            # Odd pieces are the names of params.
            parts = [f"variables.given[{quote(piece)}]" if n % 2 else quote(piece) for n, piece in enumerate(pieces)]
            return " + ".join(part for part in parts if part != "''") or "''"
    raise TypeError(f"a manifest holds no {type(value).__name__}")


def _item(item: Any, siblings: Iterable[Any]) -> str:
    """Return an item of a map or list. The API server takes literals whose items have one type."""
    made = literal(item)
    return made if all(isinstance(sibling, str) for sibling in siblings) else f"dyn({made})"
