"""How an application runs in one environment: what differs from environment to environment."""

from typing import Self

from pydantic import Field, model_validator

from components.settings import types as form
from components.settings.types import Model, Source


class Autoscaling(Model):
    """A HorizontalPodAutoscaler; it needs the cluster's metrics API."""

    min: form.Pods = Field(description="fewest pods", examples=[2])
    max: form.Pods = Field(description="most pods", examples=[10])
    cpu: form.Percent = Field(default=80, description="per cent of the CPU that a pod requests, on average")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError("a mapping whose `min` is not above its `max`")
        return self


class Secrets(Model):
    """Values that only the application's pods see. A changed one rolls them."""

    env: dict[form.ArgumentName, Source] = Field(
        default_factory=dict,
        description="environment variables",
        examples=[{"DATABASE_URL": {"config": "shopDatabaseUrl"}}],
    )
    files: dict[form.FileName, Source] = Field(
        default_factory=dict,
        description="files in /run/secrets",
        examples=[{"license.key": {"file": "secrets/license.key"}}],
    )


class Workload(Model):
    """An application in this environment."""

    replicas: form.Replicas | None = Field(
        default=None, description="pods of this application instead of the environment's `replicas`", examples=[3]
    )
    autoscaling: Autoscaling | None = Field(
        default=None, description="as many pods as the load takes, instead of `replicas`"
    )
    env: dict[form.ArgumentName, form.Line] = Field(
        default_factory=dict,
        description="environment variables, beside those of the application and before them",
        examples=[{"LOG_LEVEL": "debug"}],
    )
    secrets: Secrets = Field(default_factory=Secrets, description="values that only its pods see")
    host: form.HostName | None = Field(
        default=None,
        description="its host name outside the cluster, by the environment's `exposure`",
        examples=["shop.example"],
    )
