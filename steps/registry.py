"""Registries, by the field's clients: crane, cosign and oras."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steps.inputs import given
from steps.run import Done, checked, run
from steps.text import parsed


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a registry is reached."""

    config: Path = given("DOCKER_CONFIG")
    """The folder of a `config.json`."""
    insecure: bool = given("INSECURE")


@dataclass(frozen=True, kw_only=True)
class Keys:
    """By which keys marks are verified."""

    public: str = given("PUBLIC_KEY")
    former: str = given("FORMER_KEYS")
    """PEM after PEM."""
    kind: str = given("MARK_TYPE")
    scratch: Path = given("SCRATCH")

    def references(self) -> list[str]:
        """Return the keys as cosign is told of them; the first is in its environment."""
        former = [f"-----BEGIN{part}" for part in self.former.split("-----BEGIN")[1:]]
        found = ["env://PUBLIC_KEY"]
        for number, text in enumerate(former, 1):
            path = self.scratch / f"former-{number}.pub"
            path.write_text(text)
            found.append(str(path))
        return found


class Registry:
    """A registry as one credential opens it."""

    def __init__(self, reading: Reading, trusted: Mapping[str, str]) -> None:
        self._insecure = reading.insecure
        self.env = {"DOCKER_CONFIG": str(reading.config), **trusted}

    def crane(self, verb: str, *arguments: str) -> Done:
        """Run crane, whatever comes of it."""
        return run(["crane", verb, *self._flags, *arguments], self.env)

    def crane_or_end(self, verb: str, *arguments: str, bound: int | None = None) -> bytes | None:
        """Run crane, and return what it prints; None for more than `bound` bytes. That it fails ends the step."""
        done = checked(["crane", verb, *self._flags, *arguments], self.env, bound=bound)
        return None if done.cut else done.out

    def digest(self, image: str) -> tuple[str, str]:
        """Return where a tag leads, empty if nowhere, and what crane says about that."""
        done = self.crane("digest", image)
        return ("" if done.code else done.text), done.errors

    def attested(self, image: str, keys: Keys) -> tuple[list[Any], str]:
        """Return what is signed about an image by one of the keys, and what cosign says about the others."""
        found, said = [], ""
        for key in keys.references():
            arguments = [image, "--type", keys.kind, "--insecure-ignore-tlog=true", *self.cosign_flags, "--key", key]
            env = self.env | {"PUBLIC_KEY": keys.public}
            done = run(["cosign", "verify-attestation", *arguments], env)
            said += done.errors
            if not done.code:
                found += [statement for line in done.out.splitlines() for statement in _statement(line)]
        return found, said

    def attest(self, image: str, key: Path, predicate: Path, kind: str) -> None:
        """Sign a statement. Offline: the key pair is all the trust there is, no transparency log is asked."""
        arguments = [*self.cosign_flags, "--yes", "--key", str(key / "cosign.key"), "--type", kind]
        arguments += ["--predicate", str(predicate), "--tlog-upload=false", "--use-signing-config=false", image]
        checked(["cosign", "attest", *arguments], self.env | _password(key))

    @property
    def _flags(self) -> Sequence[str]:
        return ("--insecure",) if self._insecure else ()

    @property
    def cosign_flags(self) -> Sequence[str]:
        """What cosign takes for a registry without TLS."""
        return ("--allow-http-registry", "--allow-insecure-registry") if self._insecure else ()


def public_key(key: Path) -> str:
    """Return the public key of the key that signs marks."""
    return checked(["cosign", "public-key", "--key", str(key / "cosign.key")], _password(key)).text


def _password(key: Path) -> dict[str, str]:
    return {"COSIGN_PASSWORD": (key / "password").read_text().rstrip("\n")}


def _statement(line: bytes) -> list[Any]:
    try:
        return [parsed(base64.b64decode(parsed(line)["payload"]))["predicate"]]
    except (ValueError, KeyError, TypeError):
        return []
