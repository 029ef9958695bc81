"""What of `steps/` a Task holds: all that runs, on the lines where it stands, and nothing that only people read."""

import ast
import traceback
from pathlib import Path

import pytest

from components.tasks import python

FILES = sorted(python.SOURCES.glob("*.py"))


def running(source: str) -> str:
    """What a module does, with the place of each part."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                each
                for each in body
                if not isinstance(each, ast.Pass)
                and not (
                    isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) and isinstance(each.value.value, str)
                )
            ]
            # Where the last line was a text, what it is in ends earlier.
            for name in ("end_lineno", "end_col_offset"):
                if hasattr(node, name):
                    delattr(node, name)
    return ast.dump(tree, include_attributes=True)


def stripped(source: str) -> str:
    return python.without_words(source, ast.parse(source))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_runs_stands_where_it_stood(file: Path) -> None:
    source = file.read_text()
    left = stripped(source)
    assert ast.get_docstring(ast.parse(left)) is None
    assert len(left.splitlines()) >= len(source.rstrip().splitlines()) - 1
    assert running(left) == running(source)


def test_a_module_that_does_something_else_would_be_seen() -> None:
    assert running("def f():\n    return 1\n") != running("def f():\n    return 2\n")
    assert running("x = 1\n") != running("\nx = 1\n")


def test_texts_that_look_like_comments_stay() -> None:
    text = 'TEXT = """\n# not why\n"""\nNAME = f"""\n# {TEXT}\n"""\n'
    source = f'"""Why."""\n# why\n{text}\n\nclass E(Exception):\n    """When."""\n'
    there: dict[str, object] = {}
    exec(stripped(source), there)
    assert there["NAME"] == "\n# \n# not why\n\n"
    assert "why" not in stripped("# why\nx = 1\n")
    assert "Why" not in stripped(source)
    assert "When" not in stripped(source)


def test_a_traceback_names_the_line_of_the_repository() -> None:
    source = '"""Two\nlines."""\n\n\ndef f() -> None:\n    """Raise."""\n    # A reason.\n    raise ValueError\n'
    there: dict[str, object] = {}
    exec(compile(stripped(source), "steps.f", "exec"), there)
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        there["f"]()  # type: ignore[operator]
    assert traceback.extract_tb(raised.value.__traceback__)[-1].lineno == 8


def test_a_task_holds_no_more_than_it_runs() -> None:
    whole = sum(len(file.read_text()) for file in FILES)
    assert sum(len(stripped(file.read_text())) for file in FILES) < 0.8 * whole
