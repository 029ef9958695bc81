"""The question that a rollout is asked before it counts."""

from typing import Self

from pydantic import Field, model_validator

from components.settings import places
from components.settings import types as form
from components.settings.types import Model


class SmokeCheck(Model):
    """What a rollout that got ready is asked before it counts: a wrong answer brings back what served before."""

    path: places.HttpPath = Field(description="asked of the Service by GET", examples=["/api/version"])
    service: form.ServicePort | None = Field(
        default=None,
        description="which Service, and at which port if not 80, where the workloads are `existing`",
        examples=["shop-web:8000"],
    )
    status: form.HttpStatus = Field(default=200, description="what the answer's status must be")
    contains: form.Line = Field(default="", description="what must be in the answer's body", examples=["version"])
    timeout: form.Duration = Field(default="30s", description="how long a wrong answer is asked again")

    @model_validator(mode="after")
    def _has_a_body(self) -> Self:
        if self.contains and self.status in (204, 205, 304):
            raise ValueError(f"without `contains`, or with another `status`: an answer with {self.status} has no body")
        return self
