"""How one environment vouches for an image."""

from pydantic import Field

from components.settings import types as form
from components.settings.sources import SecretSource
from components.settings.types import Model, Source


class EnvironmentMark(Model):
    """What an environment that delivers on merge has of its own: by what it vouches, and whom it believes."""

    private_key: SecretSource | None = Field(
        default=None,
        description="where it delivers on merge: by what it vouches for each image that it has rolled out, so that another "
        "environment may promote from it; of a key pair that no other environment signs with",
        examples=[{"file": "secrets/preproduction-mark.key"}],
    )
    password: SecretSource | None = Field(
        default=None, description="opens that private key", examples=[{"file": "secrets/preproduction-mark-password"}]
    )
    public_key: Source | None = Field(
        default=None,
        description="by what `promotesFrom` signs, in place of the stack's `mark.publicKey`",
        examples=[{"file": "preproduction-mark.pub"}],
    )
    former_public_keys: list[Source] = Field(
        default_factory=list,
        max_length=5,
        description="public keys that this `publicKey` has replaced, in place of the stack's `mark.formerPublicKeys`",
        examples=[[{"file": "preproduction-mark-2025.pub"}]],
    )

    def believed(self, stacks: "Mark") -> Source | None:
        """Return the public key that counts here; `stacks` has the one of environments without their own."""
        return self.public_key or stacks.public_key

    def believed_before(self, stacks: "Mark") -> list[Source]:
        """Return those that it has replaced."""
        return self.former_public_keys if self.public_key else stacks.former_public_keys


class Mark(Model):
    """The key pair by which one environment vouches for an image and the next one believes it."""

    public_key: Source | None = Field(
        default=None, description="needed where an environment delivers on merge", examples=[{"file": "mark.pub"}]
    )
    former_public_keys: list[Source] = Field(
        default_factory=list,
        max_length=5,
        description="public keys that `publicKey` has replaced and whose marks are still believed, so that what was signed "
        "before needs no new run; take a key out when nothing older is to be promoted or rolled back to, and one that was "
        "stolen at once",
        examples=[[{"file": "mark-2025.pub"}]],
    )
    private_key: SecretSource | None = Field(
        default=None,
        description="needed where an environment delivers on pull-request",
        examples=[{"file": "secrets/mark.key"}],
    )
    password: SecretSource | None = Field(
        default=None, description="opens the private key", examples=[{"file": "secrets/mark-password"}]
    )
    timeout: form.Duration = Field(
        default="10m",
        description="how long a merge waits for a mark that is not there yet; of an environment that delivers on merge "
        "itself, beside what that one may take by the project's stack files",
    )
    max_age: form.Duration | None = Field(
        default=None,
        description="how long ago an image may have been signed that a merge promotes; marks of version 0.1.0 tell no time "
        "and are refused then. Default: any time, for what makes a mark wrong is another tree, and trees are compared",
        examples=["720h"],
    )
