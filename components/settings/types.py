"""The forms that single settings have. Each says in words what is allowed, whatever the mistake is."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from components.addresses import is_nameable
from components.settings.errors import SOURCE_ARM, TEXT_ARM


class Form:
    """What a value has to look like: in words for people, in JSON schema for editors."""

    def __init__(
        self, allowed: str, is_right: Callable[[Any], bool | str], schema: Mapping[str, Any], nothing: str | None = None
    ) -> None:
        """`is_right` returns True, or what in particular is wrong; `nothing` is the word for None."""
        self.allowed = f"{allowed}, or `{nothing}`" if nothing else allowed
        self._nothing = nothing
        self._is_right = is_right
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if self._nothing:
            return {"anyOf": [{"type": "integer", **self._schema}, {"const": self._nothing}]}
        return {**handler(schema), **self._schema}

    def _check(self, value: Any) -> Any:
        if self._nothing and value == self._nothing:
            return None
        verdict = self._is_right(value)
        if verdict is not True:
            raise ValueError(f"{self.allowed}; {verdict}" if verdict else self.allowed)
        return value


def _matching(pattern: str, allowed: str, wrong: Callable[[str], str] = lambda value: "") -> Form:
    """Return the form of texts. `wrong` says what in particular is wrong, where it knows; also of what the pattern takes."""
    compiled = re.compile(pattern, re.ASCII)

    def is_right(value: Any) -> bool | str:
        if not isinstance(value, str):
            return False
        return wrong(value) or compiled.fullmatch(value) is not None

    return Form(allowed, is_right, {"pattern": f"^(?:{pattern})$", "patternErrorMessage": f"must be {allowed}"})


def _wrong_address(value: str) -> str:
    """Return what is wrong with where an address leads."""
    if "://" not in value and "@" in value:
        return ""
    try:
        found = urlsplit(value if "://" in value else f"//{value}")
        return "a port is from 1 to 65535" if found.port == 0 else ""
    except ValueError as error:
        return "a port is from 1 to 65535" if str(error).startswith("Port") else "the host is none"


def _wrong_duration(value: str) -> str:
    if re.fullmatch(r"(\d+[smh]){2,}", value):
        return "one unit only: `90m` for an hour and a half"
    return "the number is from 1 to 99999" if re.fullmatch(r"\d+[smh]", value) and not 0 < int(value[:-1]) < 100_000 else ""


def _wrong_path(value: str) -> str:
    try:
        Path(value).expanduser()
    except RuntimeError:
        return "there is no such user with a home folder"
    return ""


def _whole(lowest: int, highest: int, nothing: str | None = None) -> Form:
    return Form(
        f"a whole number from {lowest} to {highest}, without quotes",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest,
        {"minimum": lowest, "maximum": highest},
        nothing,
    )


_LABEL = "lower-case letters, digits and `-`, a letter first and no `-` last, at most {} characters"

Name = Annotated[str, _matching(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", _LABEL.format(40))]
ShortName = Annotated[str, _matching(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?", _LABEL.format(20))]
RepositoryName = Annotated[
    str, _matching(r"[\w.-]+/(?!.*\.git$|\.\.?$)[\w.-]+", "owner/name, without a host and without `.git`")
]
# As webhooks have it, and as `git check-ref-format --branch` takes it.
Branch = Annotated[
    str,
    _matching(
        r"(?!refs/heads/|HEAD$|-)(?!.*(?:\.\.|\.lock(?:/|$)|\.(?:/|$)))\w[\w.-]*(/[\w-][\w.-]*)*",
        "a branch's name of letters, digits, `.`, `_`, `-` and `/`, as git takes it, without `refs/heads/`",
    ),
]
Host = Annotated[
    str, _matching(r"[a-z0-9.-]+(:[0-9]+)?", "host or host:port, without `https://` and without a path", _wrong_address)
]
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
ImagePath = Annotated[
    str,
    _matching(
        rf"/?(?:{_PART}(?:/{_PART})*/?)?",
        "lower-case letters and digits, with `.`, `_`, `-` and `/` between them, as in the name of an image",
    ),
]
Url = Annotated[
    str,
    _matching(
        r"https?://[^/@\s$]+(/[^\s$]*[^/\s$])?",
        "an http(s) URL without a user, without `$` and without a `/` at the end",
        _wrong_address,
    ),
]
SshUrl = Annotated[
    str,
    _matching(r"ssh://[^@/\s$]+@[^/\s$]+", "ssh://user@host or ssh://user@host:port, without a path", _wrong_address),
]
GitUrl = Annotated[
    str,
    _matching(
        r"https?://[^/@\s$]+(/[^@\s$]*[^/@\s$])?",
        "an http(s) URL without a user and without a `/` at the end",
        _wrong_address,
    ),
]
# A colon would end it: what follows were the password's.
RegistryUser = Annotated[str, _matching(r"[^:\r\n]+", "a name in one line, without `:`")]
GitUser = Annotated[str, _matching(r"[\w.-]+", "letters, digits, `.`, `_` and `-`")]
Folder = Annotated[str, _matching(r"(/\.?\w[\w.-]*)+", "an absolute path of a folder, without `..` and no `/` last")]
ArgumentName = Annotated[str, _matching(r"[A-Za-z_]\w*", "letters, digits and `_`, no digit first")]
Line = Annotated[str, _matching(r"[^\r\n]*", "text of one line (a number or `yes` needs quotes)")]
Reason = Annotated[str, _matching(r"[^\r\n]{1,100}", "text of one line, at most 100 characters")]
Who = Annotated[str, _matching(r"[^\s'\\]{1,200}", "a name as the cluster knows it, without spaces and quotes")]
Count = Annotated[int, _whole(1, 20)]
Duration = Annotated[str, _matching(r"[1-9][0-9]{0,4}[smh]", "a number and s, m or h", _wrong_duration)]
AddressRange = Annotated[
    str,
    Form(
        "a range of addresses, by its first one such as `10.20.0.0/16`, or one address; no wider than /8 (IPv6: /7), and "
        "none of loopback, link-local, multicast or a cloud's metadata",
        is_nameable,
        {"pattern": "^[0-9a-f.:]+(/[0-9]+)?$", "patternErrorMessage": "must be a range of addresses such as 10.20.0.0/16"},
    ),
]
Cpu = Annotated[str, _matching(r"[1-9][0-9]*m?|[0-9]+\.[0-9]+", 'cores as text: `500m`, `"1"` or `"0.5"`')]
Memory = Annotated[str, _matching(r"[1-9][0-9]*(Ki|Mi|Gi)", "a number and Ki, Mi or Gi")]
Depth = Annotated[int, _whole(0, 1_000_000)]
# Less than 64Mi is not enough for git itself.
FetchMemory = Annotated[
    str,
    _matching(
        r"(6[4-9]|[7-9][0-9]|[1-9][0-9]{2,3})Mi|([1-9]|[1-5][0-9]|6[0-4])Gi",
        "from `64Mi` to `9999Mi`, or from `1Gi` to `64Gi`",
    ),
]
Platform = Annotated[
    str, _matching(r"linux/[a-z0-9]+(/v[0-9]+)?", "an OCI platform such as `linux/amd64`, `linux/arm64` or `linux/arm/v7`")
]
HostName = Annotated[
    str,
    _matching(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", "a host name, without `https://` and port"
    ),
]
ObjectName = Annotated[str, _matching(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", "the name of a Kubernetes object")]
ObjectKey = Annotated[str, _matching(r"[\w.-]{1,253}", "a key of letters, digits, `_`, `.` and `-`")]
SubPath = Annotated[
    str, _matching(r"\w[\w.-]*(/\w[\w.-]*)*", "a path of letters, digits, `_`, `.` and `-`, no `/` first and no `..`")
]
FileName = Annotated[
    str, _matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "a file's name of letters, digits, `_`, `.` and `-`, no folder")
]
FilePath = Annotated[
    str,
    _matching(
        r"(?!\s*[{[])(?!.*: )[^\r\n]+", "a file's path in one line; what a kubeconfig holds stays in its file", _wrong_path
    ),
]
ProxyUrl = Annotated[
    str,
    _matching(
        r"http://[A-Za-z0-9.-]+:[0-9]+", "http://host:port, without a user (tests and builds could read it)", _wrong_address
    ),
]
ProxyException = Annotated[str, _matching(r"[A-Za-z0-9.:/*-]+", "a host, an address range, or a domain after a `.`")]
# A pod with pull-request code has users up to here: those of its own namespace.
UserId = Annotated[int, _whole(1, 65535)]
# Of an application, in the node's own user namespace.
NodeUserId = Annotated[int, _whole(1, 2**31 - 1)]
HttpStatus = Annotated[int, _whole(200, 599)]
Port = Annotated[int, _whole(1, 65535)]
# Not null, which a value that was forgotten is too.
PortOrNone = Annotated[int | None, _whole(1, 65535, "none")]
NodePort = Annotated[int, _whole(30000, 32767)]
AppId = Annotated[
    str, _matching(r"[A-Za-z0-9][A-Za-z0-9.]{0,39}", "a client ID such as `Iv23liAbCdEf`, or an App ID in quotes")
]
InstallationId = Annotated[int, _whole(1, 2**53 - 1)]
RepositoryId = Annotated[int, _whole(1, 2**53 - 1)]
Replicas = Annotated[int, _whole(0, 100)]
Pods = Annotated[int, _whole(1, 10000)]
Runs = Annotated[int, _whole(1, 10000)]
Generation = Annotated[int, _whole(1, 10000)]
Percent = Annotated[int, _whole(1, 100)]

IMAGE_BY_DIGEST = re.compile(r"[\w.:/-]+@sha256:[0-9a-f]{64}", re.ASCII)


class Model(BaseModel):
    """Base of all settings: camelCase keys, nothing unknown, nothing changed after loading."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Limits(Model):
    """What a container never gets more of; who uses it says how much that is unless told otherwise."""

    cpu: Cpu
    memory: Memory
    ephemeral_storage: Memory


class Source(Model):
    """Where a text comes from: a file (relative to the project) or a secret of the stack's own configuration."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    file: str | None = Field(default=None, min_length=1, description="path of a file, relative to the project")
    config: str | None = Field(default=None, min_length=1, description="name of a key set with `pulumi config set --secret`")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.file is None) == (self.config is None):
            raise ValueError("a mapping with one key, either `file` or `config`")
        return self


def _arm(value: Any) -> str:
    return SOURCE_ARM if isinstance(value, dict | Source) else TEXT_ARM


TextOrSource = Annotated[
    Annotated[Line, Tag(TEXT_ARM)] | Annotated[Source, Tag(SOURCE_ARM)],
    Discriminator(_arm),
]
# Of any number of lines; what it holds is checked elsewhere, where errors do not repeat it.
PemOrSource = Annotated[
    Annotated[str, Tag(TEXT_ARM)] | Annotated[Source, Tag(SOURCE_ARM)],
    Discriminator(_arm),
]
