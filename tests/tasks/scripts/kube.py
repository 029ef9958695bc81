"""A stand-in for kubectl: one Deployment and its Lease, with the API server's rules that the scripts rely on.

An update with an old resourceVersion is refused, a strategic merge patch changes the container of the same name, and an
annotation of null goes away. What an image does when it is rolled out is decided by the test.
"""

import json
import sys
import time
from typing import Any

from tests.tasks.scripts.conftest import Sandbox

GET = """
case "$3 $4" in
'get lease')
    [ -f '{root}/lease.json' ] || {{ echo 'Error from server (Forbidden): leases is forbidden' >&2; exit 1; }}
    cat '{root}/lease.json'
    [ ! -f '{root}/after-lease' ] || mv '{root}/after-lease' '{root}/lease.json'
    exit ;;
'get configmaps')
    cp '{root}/live.json' '{root}/meanwhile.json'
    cat '{root}/approvals.json'
    exit ;;
'get configmap')
    [ -f '{root}/freeze.json' ] || {{ echo 'Error from server (NotFound): "freeze" not found' >&2; exit 1; }}
    cat '{root}/freeze.json'
    exit ;;
'get deployment/'*)
    [ -f '{root}/live.json' ] || {{ echo 'Error from server (NotFound): "shop-pod" not found' >&2; exit 1; }}
    cat '{root}/live.json'
    [ ! -f '{root}/after-get' ] || mv '{root}/after-get' '{root}/live.json'
    exit ;;
esac
exec '{python}' -ISc '
import json, pathlib, sys, time
root, behaviour, arguments = pathlib.Path("{root}"), json.load(open("{root}/behaviour.json")), sys.argv[3:]
def refuse(text):
    sys.exit("Error from server: " + text)
def hang():
    if arguments[0] == behaviour["hangs"] and not (root / "hanging").exists():
        if (root / "before-hanging").exists():
            (root / "before-hanging").rename(root / "live.json")
        (root / "hanging").touch()
        time.sleep(60)
def save(name, old, new):
    if new["metadata"].get("resourceVersion", old["metadata"]["resourceVersion"]) != old["metadata"]["resourceVersion"]:
        refuse("the object has been modified; please apply your changes to the latest version")
    old["metadata"]["resourceVersion"] = str(int(old["metadata"]["resourceVersion"]) + 1)
    (root / name).write_text(json.dumps(old))
    hang()
if arguments[0] == "replace":
    old, new = json.loads((root / "lease.json").read_text()), json.load(sys.stdin)
    old["spec"] = new["spec"]
    save("lease.json", old, new)
    sys.exit()
live = json.loads((root / "live.json").read_text())
containers = live["spec"]["template"]["spec"]["containers"]
if arguments[0] == "patch":
    patch = json.load(open(arguments[arguments.index("--patch-file") + 1]))
    if set(behaviour["refused_notes"]) & patch["metadata"].get("annotations", {{}}).keys():
        refuse("admission webhook denied the request")
    notes = live["metadata"]["annotations"] | patch["metadata"].get("annotations", {{}})
    live["metadata"]["annotations"] = {{name: value for name, value in notes.items() if value is not None}}
    for new in patch.get("spec", {{}}).get("template", {{}}).get("spec", {{}}).get("containers", []):
        if new["image"] in behaviour["refused"]:
            refuse("admission webhook denied the request" + chr(27) + "[31m")
        [old.update(new) for old in containers if old["name"] == new["name"]]
    save("live.json", live, patch)
if arguments[0] == "rollout":
    hang()
if arguments[0] == "rollout" and (root / "after-rollout").exists():
    (root / "after-rollout").rename(root / "live.json")
if arguments[0] == "rollout" and behaviour["stale"] and containers[1]["image"] not in behaviour["broken"]:
    (root / "behaviour.json").write_text(json.dumps(behaviour | {{"stale": behaviour["stale"] - 1}}))
    sys.exit("error: deployment shop-pod exceeded its progress deadline")
if arguments[0] == "rollout" and [old for old in containers if old["image"] in behaviour["broken"]]:
    sys.exit("error: timed out waiting for the condition")
' "$@"
"""


def deployment(image: str, notes: dict[str, str] | None = None, version: int = 1) -> dict[str, Any]:
    """A Deployment with a second container, which nobody may touch."""
    containers = [{"name": "sidecar", "image": "sidecar"}, {"name": "app", "image": image}]
    return {
        "metadata": {"resourceVersion": str(version), "annotations": notes or {}},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


def lease(holder: str, age: int, seconds: int = 150, longest: int | None = None) -> dict[str, Any]:
    """A Lease that somebody took a while ago; `longest` is what the stack says."""
    renewed = time.strftime("%Y-%m-%dT%H:%M:%S.123456Z", time.gmtime(time.time() - age))
    spec = {"holderIdentity": holder, "renewTime": renewed, "acquireTime": renewed, "leaseDurationSeconds": seconds}
    notes = {"annotations": {"tekton-delivery/lease-seconds": str(longest)}} if longest else {}
    return {"metadata": {"resourceVersion": "7"} | notes, "spec": spec}


class Cluster:
    """What the stand-in holds."""

    def __init__(self, sandbox: Sandbox, *, image: str, notes: dict[str, str] | None = None) -> None:
        self.sandbox = sandbox
        self.put("live.json", deployment(image, notes))
        self.put("lease.json", {"metadata": {"resourceVersion": "1"}, "spec": {}})
        self.put("freeze.json", {"metadata": {}})
        self.behave()
        sandbox.stub("kubectl", GET.format(root=sandbox.root, python=sys.executable))

    def behave(
        self,
        *,
        broken: tuple[str, ...] = (),
        refused: tuple[str, ...] = (),
        refused_notes: tuple[str, ...] = (),
        stale: int = 0,
        hangs: str = "",
    ) -> None:
        """Which images never get ready, and which ones, or annotations, the API server does not let in.

        One that does get ready is first said to have failed, `stale` times, as its predecessor has.
        The verb `hangs` does its work and does not return, the first time.
        """
        lists = {"broken": list(broken), "refused": list(refused), "refused_notes": list(refused_notes)}
        self.put("behaviour.json", lists | {"stale": stale, "hangs": hangs})

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
