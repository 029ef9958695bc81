"""What an application's container finds beside its image: volumes, and variables from objects that are there already.

Keys are named as in a pod, so that what is set is what is declared.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from components.settings import types as form
from components.settings.errors import SOURCE_ARM, TEXT_ARM
from components.settings.types import Model

# Where the files of `secrets` are, and what runs an application's command.
SECRET_FILES, STARTER_FOLDER = "/run/secrets", "/run/tekton-delivery"

_OPTIONAL = "whether the container starts without it too"


class _OneKey(Model):
    """A mapping with one key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        keys = [field.alias or name for name, field in type(self).model_fields.items()]
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError(f"a mapping with one key, either {' or '.join(f'`{key}`' for key in keys)}")
        return self

    @property
    def manifest(self) -> dict[str, Any]:
        """As it stands in a pod."""
        return self.model_dump(by_alias=True, exclude_none=True)


class KeyOf(Model):
    """A key of an object in the environment's workload namespace."""

    name: form.ObjectName = Field(description="the object's name", examples=["shop-database"])
    key: form.ObjectKey = Field(description="what of it", examples=["url"])
    optional: bool | None = Field(default=None, description=_OPTIONAL, examples=[True])


class Named(Model):
    """An object in the environment's workload namespace."""

    name: form.ObjectName = Field(description="the object's name", examples=["shop-database"])
    optional: bool | None = Field(default=None, description=_OPTIONAL, examples=[True])


class ValueFrom(_OneKey):
    """Where a variable's value is."""

    secret_key_ref: KeyOf | None = Field(default=None, description="in a Secret that is there already")
    config_map_key_ref: KeyOf | None = Field(default=None, description="in a ConfigMap that is there already")


class EnvFrom(_OneKey):
    """An object whose keys are variables."""

    secret_ref: Named | None = Field(default=None, description="a Secret that is there already")
    config_map_ref: Named | None = Field(default=None, description="a ConfigMap that is there already")


def _arm(value: Any) -> str:
    return SOURCE_ARM if isinstance(value, dict | ValueFrom) else TEXT_ARM


Value = Annotated[
    Annotated[form.Line, Tag(TEXT_ARM)] | Annotated[ValueFrom, Tag(SOURCE_ARM)],
    Discriminator(_arm),
]


class EmptyDir(Model):
    """A folder that begins empty in each pod and goes with it."""

    size_limit: form.Memory = Field(description="what it holds; a pod that writes more is ended", examples=["1Gi"])
    medium: Literal["Memory"] | None = Field(
        default=None,
        description="memory of the node, which counts as the container's, in place of its disk",
        examples=["Memory"],
    )


class Claim(Model):
    """A PersistentVolumeClaim of the environment's workload namespace."""

    claim_name: form.ObjectName = Field(description="its name", examples=["shop-media"])


class SecretVolume(Model):
    """A Secret of the environment's workload namespace."""

    secret_name: form.ObjectName = Field(description="its name", examples=["shop-keys"])
    optional: bool | None = Field(default=None, description=_OPTIONAL, examples=[True])


class Mount(Model):
    """A folder or a file in the container that is not the image's."""

    mount_path: form.Folder = Field(description="where the container finds it", examples=["/var/lib/shop"])
    empty_dir: EmptyDir | None = Field(default=None, description="a folder that begins empty in each pod")
    persistent_volume_claim: Claim | None = Field(
        default=None, description="a claim that is there already; `user` and `group` can write to it"
    )
    secret: SecretVolume | None = Field(default=None, description="the keys of a Secret that is there already, as files")
    config_map: Named | None = Field(default=None, description="the keys of a ConfigMap that is there already, as files")
    sub_path: form.SubPath | None = Field(
        default=None, description="one file or folder of it, in place of all", examples=["nginx.conf"]
    )
    read_only: bool = Field(default=False, description="keeps the container from writing to it", examples=[True])

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.source) != 1:
            raise ValueError(
                "a mapping with `mountPath` and one of `emptyDir`, `persistentVolumeClaim`, `secret` and `configMap`"
            )
        return self

    @property
    def source(self) -> dict[str, Any]:
        """What it is, as it stands in a pod."""
        fields = {"empty_dir", "persistent_volume_claim", "secret", "config_map"}
        return self.model_dump(by_alias=True, exclude_none=True, include=fields)


Reference = tuple[tuple[int | str, ...], str, str]
# The keys below which a pod names an object.
NAMING = {
    "secretKeyRef": "Secret",
    "secretRef": "Secret",
    "secret": "Secret",
    "configMapKeyRef": "ConfigMap",
    "configMapRef": "ConfigMap",
    "configMap": "ConfigMap",
}


def references(
    env: Mapping[str, str | ValueFrom], env_from: Sequence[EnvFrom], volumes: Sequence[Mount] = ()
) -> Iterator[Reference]:
    """Yield each Secret and ConfigMap that is named: where, what it is, and its name."""
    found: list[tuple[tuple[int | str, ...], dict[str, Any]]] = [
        *((("env", name), value.manifest) for name, value in env.items() if isinstance(value, ValueFrom)),
        *((("envFrom", number), each.manifest) for number, each in enumerate(env_from)),
        *((("volumes", number), volume.source) for number, volume in enumerate(volumes)),
    ]
    for place, manifest in found:
        yield from objects(manifest, place)


def objects(value: Any, place: tuple[int | str, ...]) -> Iterator[Reference]:
    """Yield each Secret and ConfigMap that part of a pod names."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in NAMING and isinstance(item, Mapping):
                for name in ("name", "secretName"):
                    if isinstance(item.get(name), str):
                        yield (*place, key, name), NAMING[key], item[name]
            yield from objects(item, (*place, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from objects(item, (*place, number))
