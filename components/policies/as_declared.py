"""What of a pod is not the declared one. The API server writes defaults into it, which may be there or not.

It has no parameter: once the last binding that names a built-in kind is gone, an API server sees no object of that kind as a
parameter any more until it starts anew, or goes on with what it saw last (1.36 at least; kubernetes/kubernetes#130887).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.cel import quote
from components.conventions import Manifest
from components.policies.policy import literal, texts
from components.quantities import whole

# What the API server writes where nothing is given, by Kubernetes' pkg/apis/core/v1/defaults.go, or leaves out where this is
# given. Each says what its absence says, in every object that has such a field; `restartPolicy` would not.
DEFAULTS: Manifest = {
    "apiGroup": None,
    "apiVersion": "v1",
    "defaultMode": 420,
    "divisor": "0",
    "dnsPolicy": "ClusterFirst",
    "failureThreshold": 3,
    "initialDelaySeconds": 0,
    "path": "/",
    "periodSeconds": 10,
    "protocol": "TCP",
    "readOnly": False,
    "schedulerName": "default-scheduler",
    "scheme": "HTTP",
    "service": "",
    "sources": None,
    "stdin": False,
    "stdinOnce": False,
    "successThreshold": 1,
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "timeoutSeconds": 1,
    "tty": False,
    "volumeMode": "Filesystem",
}
_EMPTY_DEFAULTS = ("emptyDir", "resources", "securityContext", "sources")
# 0 is taken for no number, and the default written.
_NEVER_0 = ("failureThreshold", "periodSeconds", "successThreshold", "timeoutSeconds")
# Objects whose fields have names that are anybody's: they are compared as a whole. Empty ones are left out.
_MAPS = ("annotations", "labels", "matchLabels", "nodeSelector", "volumeAttributes")
# Objects of quantities, and fields that are one. The API server writes them its own way.
_QUANTITIES = ("limits", "overhead", "requests")
_QUANTITY = ("divisor", "sizeLimit")
# An empty text says something else than none.
_TEXTS = ("storageClassName", "volumeAttributesClassName")
# What an API server takes of one expression, in characters: cel-go, parser/options.go.
LONGEST = 100_000

# Each is an object of the pod, what it is held to, null for what is an object or a list of its own, and where it is; some
# have what may be anything, and what may be there empty, as well. The text names the fields that are something else.
_HELD = (
    "(each[1].filter(k, !(k in each[0])) + each[0].filter(k, !(k in each[1] ? "
    "(each[1][k] == null || each[0][k] == each[1][k]) : "
    "(k in {defaults} && each[0][k] == {defaults}[k]) || (k in {empty} && size(each[0][k]) == 0) || "
    "(size(each) > 3 && (k in each[3] || (k in each[4] && size(each[0][k]) == 0))))))"
    ".map(k, each[2] + k).join(', ')"
)
_COMPARED = "quantity(string(each[0])).compareTo(quantity(string(each[1]))) == 0 ? '' : each[2]"
_LENGTH = "size(each[0]) == each[1] ? '' : each[2]"


@dataclass
class AsDeclared:
    """What of objects is not as declared; `defaults` is an expression for DEFAULTS."""

    defaults: str
    _rows: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    """What is compared, by how deep it lies and how."""

    def hold(self, at: str, path: str, declared: Mapping[str, Any], free: Sequence[str] = ()) -> None:
        """Hold the object `at`, an expression of no type, to the declared one but for the fields that are `free`.

        `path` is where people find it, e.g. `spec.containers[0]`.
        """
        self._object(at, path, {name: value for name, value in declared.items() if name not in free}, free)

    @property
    def differences(self) -> list[str]:
        """Expressions for lists of the paths that are not as declared.

        Each is for where those before it are empty: whether a field is there comes before what is in it, so that none is an
        error.
        """
        depths: dict[int, list[str]] = {}
        for (depth, how), rows in sorted(self._rows.items(), key=lambda each: each[0][0]):
            depths.setdefault(depth, []).append("[{}].map(each, {})".format(",\n".join(rows), how))
        return [f"({' + '.join(lists)}).filter(each, each != '')" for lists in depths.values()]

    def _compare(self, how: str, at: str, other: str, path: str, *more: str) -> None:
        row = f"[{', '.join([at, *(f'dyn({item})' for item in (other, quote(path), *more))])}]"
        self._rows.setdefault((at.count("["), how), []).append(row)

    def _object(self, at: str, path: str, declared: Mapping[str, Any], free: Sequence[str] = (), name: str = "") -> None:
        """Hold an object to the declared one; `name` is the field that it is."""
        held, empty, below = {}, [], f"{path}." if path else ""
        for key, value in declared.items():
            if value is None or value in ([], ()) or _is_default(key, value):
                continue
            if (value == "" and key not in _TEXTS) or (value == {} and key in (*_MAPS, *_QUANTITIES, *_EMPTY_DEFAULTS)):
                empty.append(key)
            else:
                held[key] = self._value(f"{at}[{quote(key)}]", f"{below}{key}", value, key, within=name)
        # Literals whose items have one type need no other; these are most of a pod.
        form = "{}: {}" if all(value.startswith("'") for value in held.values()) else "{}: dyn({})"
        fields = ", ".join(form.format(quote(key), value) for key, value in held.items())
        more = (texts(free), texts(empty)) if free or empty else ()
        how = _HELD.format(defaults=self.defaults, empty=texts(_EMPTY_DEFAULTS))
        self._compare(how, at, f"{{{fields}}}", below, *more)

    def _value(self, at: str, path: str, declared: Any, name: str = "", within: str = "") -> str:
        """Return what a field is compared with; `null` for what is held apart from the object that it is in.

        `name` is the field, `within` the one that it is a part of.
        """
        if within in _QUANTITIES or name in _QUANTITY:
            amount = str(declared)
            self._compare(_COMPARED, at, quote(amount if name in _QUANTITY else whole(amount)), path)
        elif isinstance(declared, Mapping) and name in _MAPS:
            return f"{{{', '.join(f'{quote(key)}: dyn({_scalar(value)})' for key, value in declared.items())}}}"
        elif isinstance(declared, Mapping):
            # It is there whether anything is in it or not, and has the time of nothing.
            own = {"metadata": {}, **declared} if name == "volumeClaimTemplate" else declared
            free = ("creationTimestamp",) if within == "volumeClaimTemplate" and name == "metadata" else ()
            self._object(at, path, own, free, name=name)
        elif not isinstance(declared, list | tuple):
            return _scalar(declared)
        elif not any(isinstance(item, Mapping) for item in declared):
            return f"[{', '.join(f'dyn({_scalar(item)})' for item in declared)}]"
        else:
            self._compare(_LENGTH, at, str(len(declared)), path)
            for number, item in enumerate(declared):
                self._value(f"{at}[{number}]", f"{path}[{number}]", item)
        return "null"


def _is_default(key: str, value: Any) -> bool:
    if key in _NEVER_0 and value == 0:
        return True
    return key in DEFAULTS and type(value) is type(DEFAULTS[key]) and value == DEFAULTS[key]


def _scalar(value: Any) -> str:
    """Return a text, a number or a truth. What no pod takes is left to the API server to refuse."""
    if isinstance(value, float):
        return repr(value)
    return literal(value) if isinstance(value, bool | int | None) else quote(str(value))
