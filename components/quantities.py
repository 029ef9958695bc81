"""Amounts of resources as Kubernetes writes them."""

import re
from decimal import ROUND_UP, Decimal, InvalidOperation

# Number and suffix: decimal, binary, or an exponent.
_FORM = re.compile(r"([+-]?[0-9.]+)([KMGTPE]i|[eE][+-]?[0-9]{1,5}|[numkMGTPE]?)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def thousandths(amount: str) -> Decimal | None:
    """Return an amount in thousandths; None for what is no quantity."""
    form = _FORM.fullmatch(amount)
    if form is None:
        return None
    number, suffix = form.groups()
    try:
        if suffix in _BINARY:
            return Decimal(number) * Decimal(1024) ** (_BINARY.index(suffix) + 1) * 1000
        return Decimal(number).scaleb((_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])) + 3)
    except InvalidOperation:
        return None


def whole(amount: str) -> str:
    """Return an amount of a resource as the API server takes it (SetDefaults_ResourceList): in thousandths, rounded up.

    What is no quantity is returned as it is, and left to the API server to refuse.
    """
    given = thousandths(amount)
    rounded = given and given.to_integral_value(ROUND_UP)
    return amount if rounded == given else f"{rounded}m"
