"""Workloads that are somebody else's: a chart's, or made by kubectl."""

from typing import Literal

from pydantic import Field

from components.settings import types as form
from components.settings.types import Model


class Existing(Model):
    """A workload that is there already, and what of it the image is delivered to."""

    kind: Literal["Deployment", "StatefulSet"] = Field(
        default="Deployment", description="what it is", examples=["StatefulSet"]
    )
    name: form.ObjectName = Field(description="its name in each environment's workload namespace", examples=["shop-web"])
    containers: list[form.ObjectName] = Field(
        min_length=1, description="those of its containers that run the image", examples=[["web"]]
    )

    @property
    def plural(self) -> str:
        """What the API server calls its kind."""
        return f"{self.kind.lower()}s"


class Elsewhere(Model):
    """What an application has in place of a container of its own."""

    existing: list[Existing] = Field(
        default_factory=list,
        description="Deployments and StatefulSets that are somebody else's, in place of those that the program declares; "
        "all run its one image, and the first one leads (docs/workloads.md)",
    )
