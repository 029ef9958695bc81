"""Secrets that no program needs to know: a Secret of the cluster may hold them, and somebody else may change it there."""

from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from components.settings import types as form
from components.settings.types import Model, Source


class SecretKey(Model):
    """What holds it in the environment's delivery namespace; `pulumi up` neither reads nor changes it."""

    name: form.ObjectName = Field(description="the Secret's name", examples=["forge"])
    key: form.ObjectKey = Field(description="what of it", examples=["token"])


class SecretSource(Source):
    """Where a step gets a secret from: the stack, or a Secret that is there already, as it is when the pod starts."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    secret: SecretKey | None = Field(
        default=None, description="a Secret of the environment's delivery namespace that is there already"
    )

    @model_validator(mode="before")
    @classmethod
    def _known_to_the_program(cls, value: Any) -> Any:
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(given is not None for given in (self.file, self.config, self.secret)) != 1:
            raise ValueError("a mapping with one key, either `file`, `config` or `secret`")
        return self


def knows(source: Source) -> bool:
    """Return whether the program knows what a source holds."""
    return not isinstance(source, SecretSource) or source.secret is None


class DockerConfig(Model):
    """A Secret of type `kubernetes.io/dockerconfigjson` that is there already, in the environment's namespaces."""

    name: form.ObjectName = Field(description="the Secret's name", examples=["registry-credentials"])
