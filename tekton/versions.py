"""Which versions of Tekton may be installed: those without a known hole, as new as the program needs."""

import re
from dataclasses import dataclass

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Advisory:
    """A published hole in Pipelines, and the first version without it in each branch that was mended."""

    name: str
    what: str
    mended: tuple[Version, ...]
    source: str

    def concerns(self, version: Version) -> bool:
        """Whether a version has the hole. Branches that were never mended have it up to the newest that was."""
        branch = next((fixed for fixed in self.mended if fixed[:2] == version[:2]), self.mended[-1])
        return version < branch


_APRIL_2026 = ((1, 0, 2), (1, 3, 4), (1, 6, 2), (1, 9, 3), (1, 11, 1))
_APRIL_2026_SOURCE = "https://github.com/github/advisory-database/pull/7575"
ADVISORIES = (
    Advisory("CVE-2026-40938", "git resolver runs injected commands", _APRIL_2026, _APRIL_2026_SOURCE),
    Advisory("CVE-2026-40161", "git resolver sends its token to a chosen server", _APRIL_2026, _APRIL_2026_SOURCE),
    Advisory("CVE-2026-40923", "a volume mount reaches Tekton's own folders", _APRIL_2026, _APRIL_2026_SOURCE),
    Advisory("CVE-2026-40924", "http resolver is exhausted by a large answer", _APRIL_2026, _APRIL_2026_SOURCE),
    Advisory("CVE-2026-25542", "a VerificationPolicy matches more than it says", _APRIL_2026, _APRIL_2026_SOURCE),
)
# No advisory of Triggers is known. Older ones have never run a listener with the rights of
# `components/listener/access.py`, the fewest that 0.37 needs.
TRIGGERS = (0, 37, 0)


def parse(text: str) -> Version:
    """Return a release's numbers; a pre-release is none."""
    found = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)", text)
    if not found:
        raise ValueError("a release, e.g. `v1.15.0`")
    major, minor, patch = map(int, found.groups())
    return major, minor, patch


def check_pipelines(text: str) -> str:
    """Return the version, or raise ValueError with its holes."""
    version = parse(text)
    if holes := [advisory for advisory in ADVISORIES if advisory.concerns(version)]:
        newest = max(fixed for advisory in holes for fixed in advisory.mended)
        names = "; ".join(f"{hole.name} ({hole.what}, {hole.source})" for hole in holes)
        raise ValueError(f"a version without known holes, e.g. v{'.'.join(map(str, newest))} or newer; this one has {names}")
    return text


def check_triggers(text: str) -> str:
    """Return the version, or raise ValueError with the one that is needed."""
    if parse(text) < TRIGGERS:
        needed = ".".join(map(str, TRIGGERS))
        raise ValueError(f"v{needed} or newer, which runs a listener with the rights that these stacks give it")
    return text
