"""Attempts that an admission policy of the cluster refuses, and the changes that make them."""

from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client

SHA = "0123456789abcdef0123456789abcdef01234567"

Change = Callable[[Any], None]


def put(*path: str | int, value: Any) -> Change:
    """Another value in one place; the places on the way are made where they are missing."""

    def change(item: Any) -> None:
        for part in path[:-1]:
            item = item[part] if isinstance(part, int) else item.setdefault(part, {})
        item[path[-1]] = value

    return change


def refused(attempt: Callable[[], object], *policies: str) -> str:
    """See that a policy refuses what is attempted; what it says. Of several that do, the API server names any one."""
    with pytest.raises(client.ApiException) as answer:
        attempt()
    assert answer.value.status == 403, answer.value.body
    named = [f"ValidatingAdmissionPolicy 'tekton-delivery-{policy}'" for policy in policies]
    assert any(name in str(answer.value.body) for name in named), answer.value.body
    return str(answer.value.body)
