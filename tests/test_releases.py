"""What users of the previous release have is accepted: their stack files, and the names of what these declared."""

import gzip
import json
from pathlib import Path

import pytest

from offline.render import record

PREVIOUS = Path(__file__).parent / "fixtures" / "releases" / "0.1.0"


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_previous_releases_stack_files_declare_all_that_they_declared(stack: str) -> None:
    state = json.loads(gzip.decompress((PREVIOUS / f"{stack}.json.gz").read_bytes()))
    theirs = {
        resource["urn"].partition("::")[2]
        for resource in state["deployment"]["resources"]
        if not resource["type"].startswith(("pulumi:", "random:"))
    }
    ours = {resource.urn.partition("::")[2] for resource in record(PREVIOUS / f"Pulumi.{stack}.yaml").resources}
    assert theirs
    assert theirs - ours == set()
