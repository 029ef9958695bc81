"""Strategies for webhook bodies that mean nothing: real ones with anything anywhere, one thing of it certainly wrong."""

import copy
import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from components.listener.payload import SHA
from tests.e2e.attacks.webhooks import Body, honest
from tests.e2e.world import payload

_TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", "null", "main", "refs/heads/main", "acme/chespirito", "opened", "closed", "$(touch PWNED)", "`id`", "; id",
         "$(tt.params.run)", "$(body.number)", "$$(context.pipelineRun.uid)", "../../etc/passwd", "\x00", "\u202e", "\ud7ff",
         '"}', "a" * 5000, "0" * 40, "f" * 64, "true", "-1", "1e400", "{{ .Values }}", "--upload-pack=id"]
    ),
)  # fmt: skip
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _TEXTS
)  # fmt: skip
VALUES = st.recursive(
    _SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXTS, inner, max_size=4)), max_leaves=12
)

# An edited pull request may be a new one here, or one less.
_ACTIONS = {"opened", "reopened", "synchronize", "synchronized", "ready_for_review", "edited", "closed"}


def _no_sha(value: Any) -> bool:
    return not (isinstance(value, str) and re.fullmatch(SHA.strip("^$"), value))


# Each place alone decides that a body is about nothing, if its value is another one than these allow.
DECISIVE: dict[tuple[str, ...], Callable[[Any], bool]] = {
    ("action",): lambda value: value not in _ACTIONS if isinstance(value, str) else True,
    ("repository",): lambda value: True,
    ("repository", "full_name"): lambda value: value != "acme/chespirito",
    ("pull_request",): lambda value: True,
    ("pull_request", "base", "ref"): lambda value: value != "main",
    ("pull_request", "base", "repo", "full_name"): lambda value: value != "acme/chespirito",
    ("pull_request", "head", "repo"): lambda value: True,
    ("pull_request", "head", "repo", "full_name"): lambda value: value != "acme/chespirito",
    ("pull_request", "head", "label"): lambda value: not isinstance(value, str) or not value,
    ("pull_request", "head", "sha"): _no_sha,
}

_WEBHOOKS = {
    name: payload("github", name) for name in ("opened", "reopened", "synchronize", "closed_merged", "closed_unmerged")
}


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a body, as its container and key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(value, key) for key, _ in items]
    for container, key in list(found):
        found += _places(container[key])
    return found


@st.composite
def bodies(draw: st.DrawFn, number: int) -> Body:
    """A real body in which up to six places hold something else."""
    body = copy.deepcopy(honest(draw(st.sampled_from(sorted(_WEBHOOKS))), number))
    for _ in range(draw(st.integers(0, 6))):
        places = _places(body)
        container, key = places[draw(st.integers(0, len(places) - 1))]
        if draw(st.booleans()):
            container[key] = draw(VALUES)
        else:
            del container[key]
    return body


@st.composite
def nonsense(draw: st.DrawFn, number: int) -> Body:
    """A body that must start nothing even if it is rightly signed."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.dictionaries(_TEXTS, VALUES, max_size=8))
    body = draw(bodies(number))
    path = draw(st.sampled_from(sorted(DECISIVE)))
    place: Any = body
    for part in path[:-1]:
        if not isinstance(place, dict) or part not in place:
            return body  # it is gone already
        place = place[part]
    if isinstance(place, dict):
        if draw(st.booleans()):
            place[path[-1]] = draw(VALUES.filter(DECISIVE[path]))
        else:
            place.pop(path[-1], None)
    return body
