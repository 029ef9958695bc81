"""Steps of trusted pods: Python, one process each. Their sources are arguments, so that a run has them as its Task said.

Of `steps/` a step gets the modules that it imports, without what only people read. A changed one shows in `pulumi preview`
and changes nothing under a run that is on its way.
"""

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from components.conventions import SCRATCH_SIZE, Manifest
from components.tasks.step import container

_PACKAGE = "steps"
SOURCES = Path(__file__).resolve().parent.parent.parent / _PACKAGE

# Makes the arguments after the first one modules, each called as its first line says, and runs the step.
LOADER = """\
import sys
from importlib.machinery import ModuleSpec

sources = {source.split("\\n", 1)[0].removeprefix("# "): source for source in sys.argv[2:]}


class Loader:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self, is_package=name == "steps") if name in sources else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(sources[module.__name__], module.__name__, "exec"), module.__dict__)

    def get_source(self, name):
        return sources[name]


sys.meta_path.append(Loader())
from steps.__main__ import main

sys.exit(main(sys.argv[1:2]))
"""

# Nothing of the working directory, of a user's folder or of an installed package is imported, and nothing is written.
COMMAND = ("python3", "-I", "-S", "-B", "-u", "-c", LOADER)


def step(
    name: str,
    *,
    env: Mapping[str, str],
    runs: str | None = None,
    mounts: Sequence[Manifest] = (),
    cpu: str = "2",
    memory: str = "256Mi",
    ephemeral_storage: str = SCRATCH_SIZE,
    workspaces: Sequence[Manifest] = (),
) -> Manifest:
    """Return a step that runs the module of `steps/` that is called as it, or the one named."""
    rest = container(
        name, env=env, mounts=mounts, cpu=cpu, memory=memory, ephemeral_storage=ephemeral_storage, workspaces=workspaces
    )
    return {"name": name, "command": list(COMMAND), "args": [runs or name, *sources(runs or name)]} | rest


@cache
def sources(name: str) -> tuple[str, ...]:
    """Return the sources that a step takes, each below a line with its module's name."""
    wanted, found = [_PACKAGE, f"{_PACKAGE}.__main__", f"{_PACKAGE}.{name.replace('-', '_')}"], {}
    while wanted:
        module = wanted.pop()
        if module not in found:
            found[module], imported = _module(f"{module.partition('.')[2] or '__init__'}.py")
            wanted += imported
    return tuple(f"# {module}\n{found[module]}" for module in sorted(found))


@cache
def _module(file: str) -> tuple[str, list[str]]:
    """Return what runs of a file of `steps/`, and the modules of `steps/` that it imports."""
    source = (SOURCES / file).read_text()
    tree = ast.parse(source)
    return without_words(source, tree), _imported(tree)


def without_words(source: str, tree: ast.AST) -> str:
    """Return a module without docstrings and lines of comments, which are a quarter of it.

    Each change of a TaskRun carries the sources along, through the API server and etcd. Lines stay where they are, so that a
    traceback names those of the repository.
    """
    lines = source.split("\n")
    texts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno:
            # What looks like a comment within a text is none.
            texts.update(range(node.lineno + 1, node.end_lineno + 1))
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#") and number not in texts:
            lines[number - 1] = ""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        words = [each for each in body if _is_text(each)]
        for each in words:
            lines[each.lineno - 1 : each.end_lineno] = [""] * (each.end_lineno - each.lineno + 1)
        if words and len(words) == len(body):
            lines[words[0].lineno - 1] = f"{' ' * words[0].col_offset}pass"
    return "\n".join(lines)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imported(tree: ast.AST) -> list[str]:
    """Return the modules of `steps/` that a module imports."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == _PACKAGE:
            found += [f"{_PACKAGE}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{_PACKAGE}."):
            found.append(node.module)
    return found
