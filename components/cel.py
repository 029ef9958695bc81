"""CEL as a language: pure functions from values to expressions, for admission policies and Tekton's cel interceptor."""

from collections.abc import Iterable, Mapping


def quote(text: str) -> str:
    """Return `text` as a CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def lookup(table: Mapping[str, str], by: str) -> str:
    """Return the expression that looks `by` up in a map literal; CEL fails, and the trigger stops, for a missing key."""
    entries = ", ".join(f"{quote(name)}: {quote(value)}" for name, value in sorted(table.items()))
    return f"{{{entries}}}[{by}]"


def one_of(value: str, names: Iterable[str]) -> str:
    """Return the condition that an expression is one of the given texts."""
    return f"{value} in [{', '.join(quote(name) for name in sorted(names))}]"


def prefixed(application: str, environment: str, shortened: Mapping[str, str]) -> str:
    """Return the expression for what names of an application's runs begin with.

    `shortened` has the applications whose own name and the environment's are too long for that.
    """
    both = f"{application} + {quote(f'-{environment}')}"
    return f"({one_of(application, shortened)} ? {lookup(shortened, application)} : {both})" if shortened else both


def dashed(expression: str) -> str:
    """Return the expression for a text and a dash; a text that ends an expression takes the dash with it."""
    return f"{expression[:-1]}-'" if expression.endswith("'") else f"{expression} + '-'"


def every(conditions: Iterable[str]) -> str:
    """Join conditions: all must hold."""
    return " && ".join(conditions)
