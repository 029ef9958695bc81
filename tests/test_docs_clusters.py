"""What the documents say of clusters that are somebody else's: each block is taken by what it is for."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.progress import Progress
from local.tekton import source
from offline.policy import violations
from offline.run import PLACEHOLDER_DIGEST, ROOT
from tekton.design import FEATURE_FLAGS
from tekton.profile import FILE, PLACE
from tekton.settings import Settings
from tests.support import record_config, shipped_config

DOCS = ROOT / "docs"


def block(page: str, begins: str) -> Any:
    """The one YAML block of a page that begins so."""
    text = (DOCS / f"{page}.md").read_text()
    found = [each for each in re.findall(r"^ *```yaml\n(.*?)^ *```", text, re.M | re.S) if each.strip().startswith(begins)]
    (only,) = found
    return yaml.safe_load(only.replace("sha256:…", PLACEHOLDER_DIGEST).replace("<64 hex digits>", "a" * 64))


def test_the_settings_for_a_managed_cluster_are_accepted() -> None:
    shown = {key.removeprefix("tekton-delivery:"): value for key, value in block("managed", "tekton-delivery:").items()}
    declared = record_config(shipped_config("staging") | shown)
    assert [f"{found.policy}: {found.message}" for found in violations(declared.recording)] == []
    (dns,) = [item for item in declared.all("NetworkPolicy") if item["metadata"] == {**item["metadata"], **DNS}]
    assert {"ipBlock": {"cidr": "169.254.20.10/32"}} in dns["spec"]["egress"][1]["to"]


DNS = {"name": "all-to-dns", "namespace": "staging-ci"}


def tekton(**more: Any) -> Settings:
    """The settings of the Tekton stack as docs/tekton.md shows them, and more."""
    config = block("tekton", "# tekton/Pulumi.")["config"]
    given = {key.removeprefix("tekton:"): value for key, value in config.items() if key.startswith("tekton:")}
    return Settings.model_validate(given | more)


def test_the_stack_for_tekton_is_accepted_with_the_profile() -> None:
    shown = block("clusters", "tekton:seccompProfile:")["tekton:seccompProfile"]
    settings = tekton(seccompProfile=shown)
    assert settings.seccomp_profile is not None
    commented = re.findall(r"^ +# (folder|nodeSelector|tolerations): (\S[^#\n]*?)  ", page("clusters"), re.M)
    more = {key: yaml.safe_load(value) for key, value in commented}
    assert tekton(seccompProfile=shown | more).seccomp_profile
    assert more["folder"] == settings.seccomp_profile.folder, "the default that the page tells"


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def test_kind_gets_the_profile_where_the_kubelet_looks_for_it() -> None:
    """kind's own loader took it once; what this holds is what may change here."""
    (node,) = block("kind", "# kind.yaml")["nodes"]
    (mount,) = node["extraMounts"]
    assert (ROOT / mount["hostPath"] / FILE).is_file()
    assert mount["containerPath"] == f"/var/lib/kubelet/seccomp/{PLACE}"
    assert f"`{mount['containerPath']}/{FILE}`" in page("clusters")


def rows(name: str, begins: str) -> list[list[str]]:
    """The cells of a table whose header begins so."""
    table = page(name).partition(f"\n{begins}")[2].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def upstream() -> dict[str, dict[str, str]]:
    """The ConfigMaps of upstream's manifests that are pinned here."""
    manifests = source.load(Progress(write=lambda text: None, tty=False))
    return {item["metadata"]["name"]: item.get("data", {}) for item in manifests if item["kind"] == "ConfigMap"}


def test_the_flags_that_matter_are_upstream_s_and_the_ones_that_are_set_here() -> None:
    found = rows("tekton", "| ConfigMap | key |")
    place, told, ours = "", {}, {}
    for where, key, given, here, _ in found:
        place = where.strip("`") or place
        for each in re.findall(r"`([a-z-]+)`", key):
            told[place, each] = given
            if value := re.fullmatch(r"\**`?(true|false|disabled)`?(?:, needed)?\**", here):
                ours[each] = value[1]
    assert ours == FEATURE_FLAGS
    maps = upstream()
    for (name, key), given in told.items():
        pinned = maps[name].get(key)
        first = given.split(", ")[0].strip("`")
        assert (pinned or "none") == first or first in ("60", "default"), (
            f"{name}/{key} is {pinned!r}, and the page says {given}"
        )


def test_every_kind_of_cluster_says_what_was_tried_and_from_where_it_is_known() -> None:
    found = rows("clusters", "| cluster | Kubernetes, user namespaces |")
    named = " ".join(row[0] for row in found)
    for kind in ("kind", "k3d", "minikube", "colima", "GKE", "EKS", "AKS", "OpenShift"):
        assert kind in named
    for name, *_, tried, sources in found:
        assert tried.startswith(("yes", "no")), name
        assert "](https://" in sources or "`tests/e2e/" in sources, name
        for test in re.findall(r"`(tests/\S+\.py)`", sources):
            assert (ROOT / test).is_file()


@pytest.mark.parametrize("name", ["kind", "managed"])
def test_both_ways_say_what_was_run(name: str) -> None:
    told = page(name).partition("\n## What was tried\n")[2]
    assert "could not be reached" in " ".join(told.split()) or "could be reached" in told
    for test in re.findall(r"`(tests/\S+\.py)`", told):
        assert Path(ROOT / test).is_file()
