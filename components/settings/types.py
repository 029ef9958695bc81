"""The forms that single settings have. Each says in words what is allowed, whatever the mistake is."""

import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic.alias_generators import to_camel

from components.addresses import is_nameable, is_resolver
from components.settings.errors import SOURCE_ARM, TEXT_ARM
from components.settings.form import (
    Form,
    matching,
    whole,
    wrong_address,
    wrong_approver,
    wrong_duration,
    wrong_host,
    wrong_memory,
    wrong_path,
    wrong_text,
)
from steps.links import PLACEHOLDERS

_LABEL = "lower-case letters, digits and `-`, a letter first and no `-` last, at most {} characters"

NamespaceName = Annotated[str, matching(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "the name of a namespace")]
# A Task of an application's own is `build-<name>`, which is a label; as with Helm ten characters are left.
ApplicationName = Annotated[str, matching(r"[a-z]([a-z0-9-]{0,51}[a-z0-9])?", _LABEL.format(53))]
# A Trigger is called as its event, a number and the environment, which is a label too.
EnvironmentName = Annotated[str, matching(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", _LABEL.format(40))]
Name = Annotated[str, matching(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", _LABEL.format(40))]
ShortName = Annotated[str, matching(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?", _LABEL.format(20))]
RepositoryName = Annotated[
    str, matching(r"[\w.-]+/(?!.*\.git$|\.\.?$)[\w.-]+", "owner/name, without a host and without `.git`")
]
OwnerName = Annotated[str, matching(r"[\w.-]+", "the name of a person or an organisation on the forge")]
# As webhooks have it, and as `git check-ref-format --branch` takes it.
Branch = Annotated[
    str,
    matching(
        r"(?!refs/heads/|HEAD$|-)(?!.*(?:\.\.|\.lock(?:/|$)|\.(?:/|$)))\w[\w.-]*(/[\w-][\w.-]*)*",
        "a branch's name of letters, digits, `.`, `_`, `-` and `/`, as git takes it, without `refs/heads/`",
    ),
]
Host = Annotated[
    str, matching(r"[a-z0-9.-]+(:[0-9]+)?", "host or host:port, without `https://` and without a path", wrong_address)
]
# What else has no `.` and no port is no registry in the name of an image, but a part of one of docker.io's.
RegistryName = Annotated[
    str,
    matching(
        r"(?!index\.docker\.io$)(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+)(:[0-9]+)?|[a-z0-9-]+:[0-9]+",
        "a registry as FROM names it, `registry.example` or `registry:5000`; `docker.io` for short names such as `node:22`",
        wrong_address,
    ),
]
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
ImagePath = Annotated[
    str,
    matching(
        rf"/?(?:{_PART}(?:/{_PART})*/?)?",
        "lower-case letters and digits, with `.`, `_`, `-` and `/` between them, as in the name of an image",
    ),
]
Url = Annotated[
    str,
    matching(
        r"https?://[^/@\s$?#]+(/[^\s$?#]*[^/\s$?#])?",
        "an http(s) URL without a user, a query and `$`, and without a `/` at the end",
        wrong_address,
    ),
]
# A template that steps fill: `$` and braces mean something elsewhere, and what ends a link in Markdown would end it.
RunUrl = Annotated[
    str,
    matching(
        rf"https?://(?:[^\s$<>|`\"\\{{}}@]|\{{(?:{'|'.join(PLACEHOLDERS)})\}})+",
        f"an http(s) URL without a user, with no other words in braces than {', '.join(PLACEHOLDERS)}",
    ),
]
SshUrl = Annotated[
    str,
    matching(r"ssh://[^@/\s$]+@[^/\s$]+", "ssh://user@host or ssh://user@host:port, without a path", wrong_address),
]
GitUrl = Annotated[
    str,
    matching(
        r"https?://[^/@\s$]+(/[^@\s$]*[^/@\s$])?",
        "an http(s) URL without a user and without a `/` at the end",
        wrong_address,
    ),
]
# A colon would end it: what follows were the password's.
RegistryUser = Annotated[str, matching(r"[^:\r\n]+", "a name in one line, without `:`")]
GitUser = Annotated[str, matching(r"[\w.-]+", "letters, digits, `.`, `_` and `-`")]
Folder = Annotated[
    str,
    matching(
        r"(?!/(?:proc|sys|tekton|dev(?!/shm$))(?:/|$))(/\.?\w[\w.-]*)+",
        "an absolute path of a folder, without `..` and no `/` last, and not in /proc, /sys, /dev (but /dev/shm) or /tekton",
    ),
]
ArgumentName = Annotated[str, matching(r"[A-Za-z_]\w*", "letters, digits and `_`, no digit first")]
Line = Annotated[str, matching(r"[^\r\n]*", "text of one line (a number or `yes` needs quotes)", wrong_text)]
Command = Annotated[str, matching(r"[\s\S]+", "text that a shell runs", wrong_text)]
Argument = Annotated[str, matching(r"[\s\S]*", "text (a number or `yes` needs quotes)", wrong_text)]
Reason = Annotated[str, matching(r"[^\r\n]{1,100}", "text of one line, at most 100 characters")]
Who = Annotated[
    str, matching(r"[^\s'\\]{1,200}", "a name as the cluster knows it, without spaces, quotes and `\\`", wrong_approver)
]
Count = Annotated[int, whole(1, 20)]
Duration = Annotated[str, matching(r"[1-9][0-9]{0,4}[smh]", "a number and s, m or h", wrong_duration)]
AddressRange = Annotated[
    str,
    Form(
        "a range of addresses, by its first one such as `10.20.0.0/16`, or one address; no wider than /8 (IPv6: /7), and "
        "none of loopback, link-local, multicast or a cloud's metadata",
        is_nameable,
        {"pattern": "^[0-9a-f.:]+(/[0-9]+)?$", "patternErrorMessage": "must be a range of addresses such as 10.20.0.0/16"},
    ),
]
Resolver = Annotated[
    str,
    Form(
        "one address without a `/`, and none of loopback or multicast",
        is_resolver,
        {"pattern": "^[0-9a-f.:]+$", "patternErrorMessage": "must be one address such as 169.254.20.10"},
    ),
]
Cpu = Annotated[str, matching(r"[1-9][0-9]*m?|[0-9]+\.[0-9]+", 'cores as text: `500m`, `"1"` or `"0.5"`')]
Memory = Annotated[str, matching(r"[1-9][0-9]*(Ki|Mi|Gi)", "a number and Ki, Mi or Gi")]
ContainerMemory = Annotated[str, matching(r"[1-9][0-9]*(Ki|Mi|Gi)", "a number and Ki, Mi or Gi", wrong_memory)]
Depth = Annotated[int, whole(0, 1_000_000)]
# Less than 64Mi is not enough for git itself.
FetchMemory = Annotated[
    str,
    matching(
        r"(6[4-9]|[7-9][0-9]|[1-9][0-9]{2,3})Mi|([1-9]|[1-5][0-9]|6[0-4])Gi",
        "from `64Mi` to `9999Mi`, or from `1Gi` to `64Gi`",
    ),
]
Platform = Annotated[
    str,
    matching(
        r"linux/(386|amd64|arm|arm64|loong64|mips64le|ppc64le|riscv64|s390x)(/v[0-9]+)?",
        "an OCI platform such as `linux/amd64`, `linux/arm64` or `linux/arm/v7`",
    ),
]
HostName = Annotated[
    str,
    matching(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+",
        "a host name, without `https://` and port",
        wrong_host,
    ),
]
# https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set
AnnotationName = Annotated[
    str,
    matching(
        r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?",
        "an annotation's name: letters, digits, `.`, `_` and `-`, after a domain and `/` if it has one",
    ),
]
ServicePort = Annotated[
    str,
    matching(
        r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?(:[1-9][0-9]{0,4})?",
        "the name of a Service, with `:` and its port or without",
    ),
]
ObjectName = Annotated[str, matching(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", "the name of a Kubernetes object")]
ObjectKey = Annotated[str, matching(r"[\w.-]{1,253}", "a key of letters, digits, `_`, `.` and `-`")]
SubPath = Annotated[
    str, matching(r"\w[\w.-]*(/\w[\w.-]*)*", "a path of letters, digits, `_`, `.` and `-`, no `/` first and no `..`")
]
FileName = Annotated[
    str,
    matching(
        r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}",
        "a file's name of at most 253 letters, digits, `_`, `.` and `-`, no folder",
    ),
]
StageName = Annotated[
    str,
    matching(
        r"[A-Za-z][A-Za-z0-9_.-]*",
        "a stage's name as in `FROM … AS <name>`: letters, digits, `_`, `.` and `-`, a letter first",
    ),
]
FilePath = Annotated[
    str,
    matching(
        r"(?!\s*[{[])(?!.*: )[^\r\n]+", "a file's path in one line; what a kubeconfig holds stays in its file", wrong_path
    ),
]
ProjectFile = Annotated[
    str,
    matching(
        r"(?!(?:.*/)?\.{1,2}(?:/|$))(?:[\w.-]+/)+[\w.-]+",
        "a path below the project of letters, digits, `.`, `_` and `-`, in a folder and without `..`",
    ),
]
RepositoryPattern = Annotated[str, matching(r"[\w.*-]+/[\w.*-]+", "owner/name, with `*` for any part of it")]
ConfigName = Annotated[str, matching(r"\w[\w.-]*", "a key of the stack's configuration, without the project's name")]
ProxyUrl = Annotated[
    str,
    matching(
        r"http://[A-Za-z0-9.-]+:[0-9]+", "http://host:port, without a user (tests and builds could read it)", wrong_address
    ),
]
ProxyException = Annotated[str, matching(r"[A-Za-z0-9.:/*-]+", "a host, an address range, or a domain after a `.`")]
# A pod with pull-request code has users up to here: those of its own namespace.
UserId = Annotated[int, whole(1, 65535)]
# Of an application, in the node's own user namespace.
NodeUserId = Annotated[int, whole(1, 2**31 - 1)]
HttpStatus = Annotated[int, whole(200, 599)]
Port = Annotated[int, whole(1, 65535)]
# Not null, which a value that was forgotten is too.
PortOrNone = Annotated[int | None, whole(1, 65535, "none")]
NodePort = Annotated[int, whole(30000, 32767)]
AppId = Annotated[
    str, matching(r"[A-Za-z0-9][A-Za-z0-9.]{0,39}", "a client ID such as `Iv23liAbCdEf`, or an App ID in quotes")
]
InstallationId = Annotated[int, whole(1, 2**53 - 1)]
RepositoryId = Annotated[int, whole(1, 2**53 - 1)]
Replicas = Annotated[int, whole(0, 100)]
Pods = Annotated[int, whole(1, 10000)]
Runs = Annotated[int, whole(1, 10000)]
Generation = Annotated[int, whole(1, 10000)]
Percent = Annotated[int, whole(1, 100)]

IMAGE_BY_DIGEST = re.compile(r"[\w.:/-]+@sha256:[0-9a-f]{64}", re.ASCII)


class Model(BaseModel):
    """Base of all settings: camelCase keys, nothing unknown, nothing changed after loading."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Limits(Model):
    """What a container never gets more of; who uses it says how much that is unless told otherwise."""

    cpu: Cpu
    memory: ContainerMemory
    ephemeral_storage: Memory


class Source(Model):
    """Where a text comes from: a file (relative to the project) or a secret of the stack's own configuration."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    file: str | None = Field(default=None, min_length=1, description="path of a file, relative to the project")
    config: str | None = Field(default=None, min_length=1, description="name of a key set with `pulumi config set --secret`")

    @model_validator(mode="before")
    @classmethod
    def _known_to_the_program(cls, value: Any) -> Any:
        if isinstance(value, dict) and "secret" in value:
            raise ValueError(
                "a mapping with one key, either `file` or `config`, and no `secret`: what `pulumi up` reads or hands on "
                "itself is not taken from a Secret of the cluster"
            )
        return value

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
