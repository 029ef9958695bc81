"""Refresh: which of the inputs no longer hold on the cluster.

The question is not "does the live object look like the inputs" (webhooks and defaults rewrite 1000m to 1, and add
fields) but "would applying the inputs again change anything". Where it would not, the old input stays; where it would,
the live value takes its place, so that the program's value shows up as a change.
"""

from typing import Any

from local.plugins.paths import MISSING

_EMPTY: tuple[Any, ...] = ("", {}, [], None)


def adopt(inputs: Any, applied: Any, live: Any) -> Any:
    """The inputs that describe `live`, given that applying the old ones again would give `applied`."""
    if applied == live:
        return inputs
    if isinstance(inputs, dict) and isinstance(applied, dict) and isinstance(live, dict):
        adopted = {key: adopt(value, applied.get(key, MISSING), live.get(key, MISSING)) for key, value in inputs.items()}
        return {key: value for key, value in adopted.items() if value is not MISSING}
    if isinstance(inputs, list) and isinstance(applied, list) and isinstance(live, list):
        return _adopt_list(inputs, applied, live)
    return live


def untried(inputs: Any, live: Any) -> Any:
    """What applying the inputs again would give, guessed for an account that may not even try: the inputs.

    The API server leaves empty values out of what it answers; where `live` lacks one, it counts as applied.
    """
    if isinstance(inputs, dict) and isinstance(live, dict):
        return {
            key: untried(value, live.get(key, MISSING))
            for key, value in inputs.items()
            if key in live or value not in _EMPTY
        }
    if isinstance(inputs, list) and isinstance(live, list) and len(inputs) == len(live):
        return [untried(*items) for items in zip(inputs, live, strict=True)]
    return inputs


def _adopt_list(inputs: list[Any], applied: list[Any], live: list[Any]) -> list[Any]:
    named = all(isinstance(item, dict) and "name" in item for item in (*inputs, *applied, *live))
    if not named:
        if len(inputs) == len(applied) == len(live):
            return [adopt(*items) for items in zip(inputs, applied, live, strict=True)]
        return live
    # Items found by name, as in containers, env and steps, keep the order and the shape of the inputs.
    applied_by_name = {item["name"]: item for item in applied}
    live_by_name = {item["name"]: item for item in live}
    kept = [
        adopt(item, applied_by_name.get(item["name"], MISSING), live_by_name[item["name"]])
        for item in inputs
        if item["name"] in live_by_name
    ]
    if set(applied_by_name) == set(live_by_name) and list(applied_by_name) != list(live_by_name):
        return live
    # What somebody added and applying would take away again. What applying leaves alone belongs to another manager.
    declared = {item["name"] for item in inputs}
    added = [item for name, item in live_by_name.items() if name not in applied_by_name and name not in declared]
    return kept + added
