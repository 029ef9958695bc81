"""The modules of `steps/` that a step imports."""

import ast
from collections.abc import Iterator
from functools import cache

from components import sources


@cache
def imported(step: str) -> frozenset[str]:
    """File names of all that runs where the module of that name does."""
    wanted, found = ["__init__.py", "__main__.py", f"{step.replace('-', '_')}.py"], set[str]()
    while wanted:
        file = wanted.pop()
        if file not in found:
            found.add(file)
            wanted += _imports(sources.data()[file])
    return frozenset(found)


def _imports(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "steps":
            yield from (f"{alias.name}.py" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("steps."):
            yield f"{node.module.removeprefix('steps.')}.py"
