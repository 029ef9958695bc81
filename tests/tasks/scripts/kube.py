"""A stand-in for kubectl: one Deployment and its Lease, with the API server's rules that the scripts rely on.

An update with an old resourceVersion is refused, a strategic merge patch changes the container of the same name, and an
annotation of null goes away. What an image does when it is rolled out is decided by the test.
"""

import json
import shutil
from typing import Any

import pytest

from tests.tasks.scripts.conftest import Sandbox

needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")

STUB = r"""
state='@ROOT@'
modified='Error from server (Conflict): the object has been modified; please apply your changes to the latest version'
refuse() { echo "$1" >&2; exit 1; }
shift 2
case "$*" in
'get lease '*)
    [ -f "$state/lease.json" ] || refuse 'Error from server (Forbidden): leases.coordination.k8s.io is forbidden'
    cat "$state/lease.json"
    [ ! -f "$state/after-lease" ] || mv "$state/after-lease" "$state/lease.json" ;;
'replace '*)
    jq --slurp '.[1] as $new | .[0]
        | if .metadata.resourceVersion != $new.metadata.resourceVersion then error("old") else . end
        | .spec = $new.spec | .metadata.resourceVersion |= (tonumber + 1 | tostring)' "$state/lease.json" - \
        >"$state/new.json" 2>/dev/null || refuse "$modified"
    mv "$state/new.json" "$state/lease.json" ;;
'get deployment/'*)
    [ -f "$state/live.json" ] || refuse 'Error from server (NotFound): deployments.apps "shop-pod" not found'
    cat "$state/live.json"
    [ ! -f "$state/after-get" ] || mv "$state/after-get" "$state/live.json" ;;
'patch deployment/'*)
    for argument; do [ "$last" != --patch-file ] || file=$argument; last=$argument; done
    image=$(jq --raw-output '.spec.template.spec.containers[0].image // ""' "$file")
    case ' @REFUSED@ ' in *" $image "*) refuse 'Error from server: admission webhook denied the request' ;; esac
    jq --slurp '.[1] as $patch | .[0]
        | if (.metadata.resourceVersion, null) == $patch.metadata.resourceVersion then . else empty end
        | .metadata.annotations = ((.metadata.annotations // {}) + ($patch.metadata.annotations // {})
            | with_entries(select(.value != null)))
        | .metadata.resourceVersion |= (tonumber + 1 | tostring)
        | reduce ($patch.spec.template.spec.containers // [])[] as $new (.;
            (.spec.template.spec.containers[] | select(.name == $new.name)) += $new)' \
        "$state/live.json" "$file" >"$state/new.json"
    [ -s "$state/new.json" ] || refuse "$modified"
    mv "$state/new.json" "$state/live.json" ;;
'rollout status '*)
    image=$(jq --raw-output '.spec.template.spec.containers[] | select(.name == "app").image' "$state/live.json")
    case ' @BROKEN@ ' in *" $image "*) refuse 'error: timed out waiting for the condition' ;; esac ;;
*) refuse "no such call: $*" ;;
esac
"""


def deployment(image: str, notes: dict[str, str] | None = None, version: int = 1) -> dict[str, Any]:
    """A Deployment with a second container, which nobody may touch."""
    containers = [{"name": "sidecar", "image": "sidecar"}, {"name": "app", "image": image}]
    return {
        "metadata": {"resourceVersion": str(version), "annotations": notes or {}},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


class Cluster:
    """What the stand-in holds."""

    def __init__(self, sandbox: Sandbox, *, image: str, notes: dict[str, str] | None = None) -> None:
        self.sandbox = sandbox
        self.put("live.json", deployment(image, notes))
        self.put("lease.json", {"metadata": {"resourceVersion": "1"}, "spec": {}})
        self.behave()

    def behave(self, *, broken: tuple[str, ...] = (), refused: tuple[str, ...] = ()) -> None:
        """Which images never get ready, and which ones the API server does not let in."""
        text = STUB.replace("@ROOT@", str(self.sandbox.root))
        self.sandbox.stub("kubectl", text.replace("@BROKEN@", " ".join(broken)).replace("@REFUSED@", " ".join(refused)))

    def put(self, name: str, value: dict[str, Any]) -> None:
        self.sandbox.file(name, json.dumps(value))

    def get(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.sandbox.root / name).read_text())
        return found

    @property
    def image(self) -> str:
        """What the Deployment runs."""
        sidecar, app = self.get("live.json")["spec"]["template"]["spec"]["containers"]
        assert sidecar == {"name": "sidecar", "image": "sidecar"}
        assert isinstance(app["image"], str)
        return app["image"]

    @property
    def notes(self) -> dict[str, str]:
        """The Deployment's annotations, without the project's prefix."""
        return {
            name.removeprefix("tekton-delivery/"): value
            for name, value in self.get("live.json")["metadata"]["annotations"].items()
        }

    @property
    def holder(self) -> str | None:
        spec = self.get("lease.json").get("spec") or {}
        return spec.get("holderIdentity")

    def verbs(self) -> list[str]:
        """The calls in order, each by its first two words."""
        return [" ".join(call[2:4]) for call in self.sandbox.called("kubectl")]
