"""YAML of the project: read at once, and never deeper than anything that is meant."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.settings import documents
from offline.run import ROOT

DEEP = {"[": "]", "{a: ": "}", "- ": "", "? ": ""}


@pytest.mark.parametrize("opening", DEEP)
def test_what_is_nested_without_end_is_an_exception(opening: str) -> None:
    """PyYAML's C loader ends the process there."""
    for read in (documents.document, documents.documents):
        with pytest.raises(yaml.YAMLError) as error:
            read(opening * 200_000)
        assert "nested more than 100 deep" in str(error.value)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_what_is_as_deep_as_allowed_is_read(opening: str) -> None:
    deepest = opening * 100 + "a" + DEEP[opening] * 100
    assert documents.documents(f"{deepest}\n---\n{deepest}\n") == [documents.document(deepest)] * 2
    with pytest.raises(yaml.YAMLError):
        documents.document(opening * 101 + "a" + DEEP[opening] * 101)


def test_a_neighbour_that_is_nested_without_end_is_none(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.deep.yaml").write_text("config: " + "[" * 200_000)
    (tmp_path / "Pulumi.staging.yaml").write_bytes((ROOT / "Pulumi.staging.yaml").read_bytes())
    program = (
        "import sys; from components.settings.neighbours import Path, neighbours; print(*neighbours(Path(sys.argv[1])))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, "staging\n"), found.stderr
