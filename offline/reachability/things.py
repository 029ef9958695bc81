"""What a pod can reach."""

from dataclasses import dataclass

EVERY = "*"


@dataclass(frozen=True, order=True)
class Secret:
    """A Secret, or every one of a namespace."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"every secret of {self.namespace}" if self.name == EVERY else f"secret {self.namespace}/{self.name}"


@dataclass(frozen=True, order=True)
class Account:
    """A service account's token."""

    namespace: str
    name: str

    @property
    def username(self) -> str:
        """The name that the API server knows it by."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    def __str__(self) -> str:
        return f"service account {self.namespace}/{self.name}"


@dataclass(frozen=True, order=True)
class Claim:
    """A volume that outlives the pod: others may have left something there."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"volume claim {self.namespace}/{self.name}"


@dataclass(frozen=True, order=True)
class Takeover:
    """Running any pod in a namespace: with each of its secrets, as each of its service accounts."""

    namespace: str

    def __str__(self) -> str:
        return f"any pod in {self.namespace}"


@dataclass(frozen=True, order=True)
class Everything:
    """The whole cluster."""

    namespace: None = None

    def __str__(self) -> str:
        return "EVERYTHING in the cluster"


@dataclass(frozen=True, order=True)
class Right:
    """One rule of a role, as one binding grants it."""

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    names: tuple[str, ...]
    verbs: tuple[str, ...]
    namespace: str | None
    """None: in the whole cluster."""
    binding: str
    role: str
    limit: str | None = None
    """The admission policy that keeps this right from starting pods of any shape."""

    def __str__(self) -> str:
        where = f"in {self.namespace}" if self.namespace else "in the whole cluster"
        group = f"{'|'.join(self.groups)}/" if any(self.groups) else ""
        names = f" {', '.join(self.names)}" if self.names else ""
        limit = f" (limited by {self.limit})" if self.limit else ""
        return f"{', '.join(self.verbs)} {group}{', '.join(self.resources)}{names} {where}{limit}"


Thing = Secret | Account | Claim | Takeover | Everything | Right
