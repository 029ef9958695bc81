"""The condition that a pod is the declared one. The API server writes defaults into it, which may be there or not.

It has no parameter: once the last binding that names a built-in kind is gone, an API server sees no object of that kind as a
parameter any more until it starts anew, or goes on with what it saw last (1.36 at least; kubernetes/kubernetes#130887).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.cel import quote
from components.conventions import Manifest
from components.policies.policy import literal, texts

# By Kubernetes' pkg/apis/core/v1/defaults.go, of what a patch of a pod may have and the program does not say itself. A field
# that is there with its default says what it says where it is not, whatever it is a field of; so `restartPolicy` is none of
# them.
DEFAULTS: Manifest = {
    "apiVersion": "v1",
    "defaultMode": 420,
    "divisor": "0",
    "dnsPolicy": "ClusterFirst",
    "failureThreshold": 3,
    "imagePullPolicy": "IfNotPresent",
    "path": "/",
    "periodSeconds": 10,
    "protocol": "TCP",
    "schedulerName": "default-scheduler",
    "scheme": "HTTP",
    "service": "",
    "successThreshold": 1,
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "timeoutSeconds": 1,
    "volumeMode": "Filesystem",
}
_EMPTY_DEFAULTS = ("emptyDir", "resources", "securityContext")
# What the API server leaves out where it is false or 0. Other fields keep that, and say something else if absent.
_LEFT_OUT = ("initialDelaySeconds", "readOnly", "stdin", "stdinOnce", "tty")
# Objects whose fields have names that are anybody's.
_MAPS = ("annotations", "labels", "matchLabels", "nodeSelector")
_QUANTITIES = ("limits", "requests")
_QUANTITY = ("divisor", "sizeLimit")


# Of one object: what it is held to, null for what is an object of its own; what may be there empty; what may be anything.
_HELD = (
    "each[1].all(k, k in each[0]) && each[0].all(k, k in each[1] ? (each[1][k] == null || each[0][k] == each[1][k]) : "
    "k in each[3] || (k in each[2] && size(each[0][k]) == 0) || (k in {defaults} && each[0][k] == {defaults}[k]))"
)
_COMPARED = "quantity(string(each[0])).compareTo(quantity(string(each[1]))) == 0"


@dataclass
class AsDeclared:
    """Conditions that objects are what is declared; `defaults` is an expression for DEFAULTS."""

    defaults: str
    _rows: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    """What is compared, by how deep it lies and how."""

    def hold(self, at: str, declared: Mapping[str, Any], free: Sequence[str] = ()) -> None:
        """Hold the object `at`, an expression of no type, to the declared one but for the fields that are `free`."""
        self._object(at, {name: value for name, value in declared.items() if name not in free}, free)

    @property
    def expression(self) -> str:
        """All of the conditions. Whether a field is there comes before what is in it, so that none of them is an error."""
        ordered = sorted(self._rows.items(), key=lambda each: each[0][0])
        return " &&\n".join("[{}].all(each, {})".format(",\n".join(rows), how) for (_, how), rows in ordered)

    def _compare(self, how: str, at: str, *others: str) -> None:
        row = f"[{', '.join(f'dyn({item})' for item in (at, *others))}]"
        self._rows.setdefault((at.count("["), how), []).append(row)

    def _object(self, at: str, declared: Mapping[str, Any], free: Sequence[str] = (), name: str = "") -> None:
        held, empty = {}, list(_EMPTY_DEFAULTS)
        for key, value in declared.items():
            if value is None or value in ([], ()) or (key in _LEFT_OUT and not value):
                continue
            if value in ({}, ""):
                empty.append(key)
            else:
                held[key] = self._value(f"{at}[{quote(key)}]", value, key, within=name)
        fields = ", ".join(f"{quote(key)}: dyn({value})" for key, value in held.items())
        self._compare(_HELD.format(defaults=self.defaults), at, f"{{{fields}}}", texts(empty), texts(free))

    def _value(self, at: str, declared: Any, name: str = "", within: str = "") -> str:
        """Return what a field is compared with; `null` for what is held apart from the object that it is in."""
        if within in _QUANTITIES or name in _QUANTITY:
            self._compare(_COMPARED, at, quote(str(declared)))
        elif isinstance(declared, Mapping) and name not in _MAPS:
            self._object(at, declared, name=name)
        elif isinstance(declared, str):
            return quote(declared)
        elif isinstance(declared, Mapping):
            return f"{{{', '.join(f'{quote(key)}: {quote(value)}' for key, value in declared.items())}}}"
        elif not isinstance(declared, list | tuple):
            return literal(declared)
        elif all(isinstance(item, str) for item in declared):
            return texts(declared)
        else:
            self._compare("size(each[0]) == each[1]", at, str(len(declared)))
            for number, item in enumerate(declared):
                self._value(f"{at}[{number}]", item)
        return "null"
