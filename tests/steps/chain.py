"""production after preproduction after staging: what each has signed, and time that passes while it is waited for.

git is the real one; crane knows tags by name, cosign which key signed what.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from components.tasks.git import SSH as OVER_SSH
from tests.steps.commit import DIGEST, IMAGE
from tests.steps.conftest import SSH, Result, Sandbox
from tests.steps.deploy.step import OLD, OLD_NOTES, given
from tests.steps.objects import deployment
from tests.steps.proving import PROVING, verified
from tests.steps.test_merges import Shop

STAGINGS, OWN = "key of staging", "key of preproduction"


class Chain:
    """production after preproduction after staging, and what each has signed."""

    def __init__(self, sandbox: Sandbox, shop: Shop) -> None:
        self.sandbox, self.shop = sandbox, shop
        self.image = IMAGE
        """Where what is signed lies."""
        self.cluster = sandbox.serve(image=OLD, notes=OLD_NOTES)
        self._signed: dict[str, list[dict[str, object]]] = {STAGINGS: [], OWN: []}
        self._tags: list[str] = []
        sandbox.stub("ssh", SSH)
        sandbox.stub("oras")
        self._write()

    def signs(self, key: str, environment: str, commit: str, **changed: object) -> None:
        """Have an image of the commit, which a tag leads to, and a statement about it by this key."""
        said = {
            "repository": "acme/shop",
            "application": "shop",
            "headSha": commit,
            "tree": self.shop.git("rev-parse", f"{commit}^{{tree}}"),
            "digest": DIGEST,
            "environment": environment,
        }
        self._signed[key].append(said | changed)
        self._tags += [commit, f"{commit}-{environment}"]
        self._write()

    def _write(self) -> None:
        for number, statements in enumerate(self._signed.values()):
            self.sandbox.file(f"signed-{number}", "".join(f"{verified(statement)}\n" for statement in statements))
        cases = "".join(f"'{key}') cat '{self.sandbox.root}/signed-{number}' ;; " for number, key in enumerate(self._signed))
        self.sandbox.stub("cosign", f'[ "$1" = attest ] || case "$PUBLIC_KEY" in {cases} *) exit 1 ;; esac')
        tags = "|".join(f"{self.image}:{tag}" for tag in self._tags) or "none"
        listed = " ".join(self._tags)
        self.sandbox.stub(
            "crane",
            f'case "$1 $2" in ls*) printf "%s\\n" {listed} ;; esac\ncase "$2" in {tags}) echo {DIGEST} ;; '
            f"{IMAGE}|{IMAGE}@*) ;; *) echo MANIFEST_UNKNOWN >&2; exit 1 ;; esac",
        )

    def step(self, name: str, merge: str, head: str, **changed: str | Path) -> Result:
        """Run a step of production's promotion."""
        root = self.sandbox.root
        places = {f"RESULT_{name.upper()}_PATH": root / name for name in ("touched", "base", "image", "served")}
        merged = {
            "PARAM_REPOSITORY_URL": f"ssh://git@forge.internal:2222{self.shop.folder}",
            "PARAM_PATHS": "",
            "PARAM_HEAD_SHA": head,
            "PARAM_MERGE_SHA": merge,
            "PARAM_MERGED_BY": "alice",
            "HISTORY": root / "history",
            "MARK": root / "mark",
            "CONTENT": root / "content.json",
            "SCRATCH": root,
            "PROMOTES_FROM": "preproduction",
            "AFTER_ROLLOUT_OF": "preproduction",
            "PUBLIC_KEY": OWN,
        }
        return self.sandbox.step(name, **dict(OVER_SSH.env) | PROVING | given(self.sandbox) | places | merged | changed)

    def overtaken(self) -> str:
        """Merge something else, and return what main has then."""
        self.shop.branch("later", "two", file="mail")
        return self.shop.merge("merge", "later")

    def runs(self, merge: str) -> None:
        """Let what serves have come by a merge."""
        notes = OLD_NOTES | {"tekton-delivery/merge-commit": merge}
        self.cluster.put("live.json", deployment(OLD, notes))

    def unchanged(self) -> None:
        assert self.cluster.image == OLD
        assert not (self.sandbox.root / "served").exists()


class Clock:
    """Time that passes when somebody sleeps, and then something happens."""

    def __init__(self, *events: Callable[[], object]) -> None:
        self.now, self._events = 0.0, list(events)
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self._events:
            self._events.pop(0)()

    def passing(self) -> Any:
        fake = mock.Mock(wraps=__import__("time"), monotonic=lambda: self.now, sleep=self.sleep)
        return mock.patch("steps.prove.time", fake)


def nothing() -> None:
    pass
