"""How an application is tested."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from components.conventions import NONROOT
from components.settings import places
from components.settings import types as form
from components.settings.types import Model, TextOrSource


class Tests(Model):
    """What tests an application: a command in some image, or a stage of its Dockerfile."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["stage"]},
            "then": {"maxProperties": 1},
            "else": {"required": ["command"]},
        }
    )

    command: form.Command | None = Field(
        default=None, description="run by sh in the root of the repository", examples=["npm test"]
    )
    image: TextOrSource | None = Field(
        default=None,
        description="what the command runs in, by digest; default the tools image",
        examples=["registry.example/node@sha256:<64 hex digits>"],
    )
    user: form.UserId = Field(
        default=NONROOT, description="numeric user and group that the command runs as, never root", examples=[1000]
    )
    reports: list[places.Glob] = Field(
        default_factory=list,
        description="what the command writes of its tests, JUnit XML or TAP; the commit status quotes their counts",
        examples=[["reports/**/*.xml"]],
    )
    stage: form.StageName | None = Field(
        default=None,
        description="in place of a command: a stage of the Dockerfile, built before the image; its RUN is the test",
        examples=["test"],
    )

    @property
    def as_all(self) -> bool:
        """Whether a command alone says it, so that the Task that all applications share can run it."""
        return not (self.stage or self.image or self.reports) and self.user == NONROOT

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.stage is None):
            raise ValueError("a mapping with one of the keys `command` and `stage`")
        if self.stage and len(self.model_fields_set) > 1:
            raise ValueError("a mapping with `stage` alone, which runs as the image's build does and writes no reports")
        return self
