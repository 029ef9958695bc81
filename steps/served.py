"""Whether what was promoted serves, as the step that rolls out tells the one that signs."""

from dataclasses import dataclass
from pathlib import Path

from steps.inputs import given
from steps.result import write


@dataclass(frozen=True, kw_only=True)
class Served:
    """How the step that rolls out tells the one that signs that it has."""

    path: Path = given("RESULT_SERVED_PATH")

    def say_so(self) -> None:
        """Tell it."""
        write(self.path, "yes")

    @property
    def said(self) -> bool:
        """Whether it has been told."""
        return self.path.exists() and self.path.read_text() == "yes"
