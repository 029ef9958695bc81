"""A stand-in for the API server: a Deployment, its Lease and what follows it, with the rules that the steps rely on.

An update with an old resourceVersion is refused, a strategic merge patch changes the container of the same name, and an
annotation of null goes away. What an image does when it is rolled out is decided by the test.
"""

import atexit
import json
import re
import shutil
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache
from http.server import ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

from tests.authority import authority
from tests.steps.objects import Object, deployment
from tests.steps.serving import TOKEN, RefusedError, handler


class Cluster:
    """What the stand-in holds. A name that begins with `after-` takes its object's place once that has been read."""

    def __init__(self, root: Path, *, image: str, notes: dict[str, str] | None = None) -> None:
        self.root, self.changed = root, threading.Condition()
        self.objects: dict[str, Object] = {}
        self.calls: list[str] = []
        self.paths: list[str] = []
        self.queries: list[dict[str, str]] = []
        self.bodies: list[tuple[str, Object]] = []
        self.followers: list[str] = []
        self.ended = self.idle = False
        self.put("live.json", deployment(image, notes))
        self.put("lease.json", {"metadata": {"resourceVersion": "1"}, "spec": {}})
        self.put("freeze.json", {"metadata": {}})
        self.behave()
        self._serve()

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
        self.broken, self.refused, self.refused_notes, self.stale, self.hangs = broken, refused, refused_notes, stale, hangs

    def put(self, name: str, value: Object) -> None:
        with self.changed:
            self.objects[name] = json.loads(json.dumps(value))
            self.changed.notify_all()

    def get(self, name: str) -> Object:
        found: Object = json.loads(json.dumps(self.objects[name]))
        found.pop("status", None)
        return found

    def remove(self, name: str) -> None:
        del self.objects[name]

    def follow(self, name: str, image: str, notes: dict[str, str] | None = None) -> None:
        """Add a Deployment that follows the other one."""
        self.followers.append(name)
        self.put(f"{name}.json", deployment(image, notes))

    @property
    def image(self) -> str:
        """What the Deployment runs."""
        return self.runs("live")

    def runs(self, name: str) -> str:
        """What a Deployment runs that follows it."""
        sidecar, app = self.get(f"{name}.json")["spec"]["template"]["spec"]["containers"]
        assert sidecar == {"name": "sidecar", "image": "sidecar"}
        assert isinstance(app["image"], str)
        return app["image"]

    @property
    def notes(self) -> dict[str, str]:
        """The Deployment's annotations, without the project's prefix."""
        found = self.get("live.json")["metadata"]["annotations"]
        return {name.removeprefix("tekton-delivery/"): value for name, value in found.items()}

    @property
    def holder(self) -> str | None:
        spec = self.get("lease.json").get("spec") or {}
        return spec.get("holderIdentity")

    def verbs(self) -> list[str]:
        """The requests in order: verb and kind. A watch that was begun again counts once."""
        return [
            call
            for call, before in zip(self.calls, ["", *self.calls], strict=False)
            if call != before or "WATCH" not in call
        ]

    @property
    def waits(self) -> int:
        """How often a rollout was waited for."""
        calls = [call for call in self.calls if call in ("PATCH deployment", "WATCH deployment")]
        return sum(pair == ("PATCH deployment", "WATCH deployment") for pair in pairwise(calls))

    # The server

    def _serve(self) -> None:
        folder, certificate, key = _folder()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.env = {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.server.server_port),
            "API_ACCESS": str(folder),
        }

    def close(self) -> None:
        self.ended = True
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method: str, path: str, query: dict[str, str], body: Object) -> Object:
        """What the API server says."""
        name = self._name(path)
        with self.changed:
            self.paths.append(path)
            self.queries.append(query)
            self.calls.append(f"{method} {name}")
            if body:
                self.bodies.append((self.calls[-1], body))
            if method == "GET":
                found = self._read(name)
        if method == "GET":
            return found
        with self.changed:
            assert query == {"fieldManager": "tekton-delivery"}, "under it Pulumi leaves the image alone"
            if method == "PUT":
                old = self.objects["lease.json"]
                changed = old | {"spec": body["spec"]}
            else:
                old = self._read(name)
                changed = self._patched(json.loads(json.dumps(old)), body)
            if (
                body.get("metadata", {}).get("resourceVersion", old["metadata"]["resourceVersion"])
                != old["metadata"]["resourceVersion"]
            ):
                raise RefusedError(
                    409, "Conflict", "the object has been modified; please apply your changes to the latest version"
                )
            version = str(int(old["metadata"]["resourceVersion"]) + 1)
            changed = changed | {"metadata": changed["metadata"] | {"resourceVersion": version}}
            self.objects["lease.json" if method == "PUT" else _kept(name)] = changed
            self.changed.notify_all()
        self.hang({"PUT": "replace", "PATCH": "patch"}[method])
        return changed

    def _read(self, name: str) -> Object:
        if name in ("pods", "events"):
            return {"items": self.objects.get(f"{name}.json", {}).get("items", []), "metadata": {}}
        kept = _kept(name)
        if kept not in self.objects:
            if name in ("lease", "approvals"):
                raise RefusedError(403, "Forbidden", f"{name} is forbidden")
            raise RefusedError(404, "NotFound", f'"{name}" not found')
        found = self.objects[kept]
        if name == "approvals":
            self.objects["meanwhile.json"] = json.loads(json.dumps(self.objects["live.json"]))
        after = {"lease": "after-lease", "deployment": "after-get"}.get(name)
        if after in self.objects:
            self.objects[kept] = self.objects.pop(after)
        return found

    def _patched(self, live: Object, patch: Object) -> Object:
        wanted = patch.get("metadata", {}).get("annotations", {})
        if set(self.refused_notes) & wanted.keys():
            raise RefusedError(403, "Forbidden", "admission webhook denied the request")
        notes = live["metadata"]["annotations"] | wanted
        live["metadata"]["annotations"] = {name: value for name, value in notes.items() if value is not None}
        containers = live["spec"]["template"]["spec"]["containers"]
        for new in patch.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            if new["image"] in self.refused:
                raise RefusedError(403, "Forbidden", "admission webhook denied the request\x1b[31m")
            for old in containers:
                if old["name"] == new["name"] and old["image"] != new["image"]:
                    live["metadata"]["generation"] = live["metadata"].get("generation", 1) + 1
                    live.setdefault("status", {}).setdefault("observedGeneration", 1)
                if old["name"] == new["name"]:
                    old.update(new)
        return live

    def hang(self, verb: str) -> None:
        marker = self.root / "hanging"
        if verb == self.hangs and not marker.exists():
            if "before-hanging" in self.objects:
                self.put("live.json", self.objects.pop("before-hanging"))
            marker.touch()
            while not self.ended:
                time.sleep(0.02)

    def watched(self, path: str, query: dict[str, str], send: Callable[[Object], None]) -> None:
        """What a watch brings until it ends."""
        of = query.get("fieldSelector", "").removeprefix("metadata.name=")
        name = self._name(f"{path}/{of}" if of else path)
        kept, version = _kept(name), query["resourceVersion"]
        end = time.monotonic() + int(query["timeoutSeconds"])
        self.calls.append(f"WATCH {name}")
        self.hang({"lease": "wait", "approvals": "approvals"}.get(name, "rollout"))
        if name not in ("lease", "approvals"):
            self._reconcile(kept)
        while not self.ended and time.monotonic() < end:
            with self.changed:
                found = self.objects[kept]
                if found["metadata"]["resourceVersion"] == version:
                    self.changed.wait(0.02)
                    continue
            version = found["metadata"]["resourceVersion"]
            send({"type": "MODIFIED", "object": found})
            if name not in ("lease", "approvals"):
                self._reconcile(kept)

    def _reconcile(self, kept: str) -> None:
        """What the Deployment's controller would do."""
        with self.changed:
            live = self.objects[kept]
            if "after-rollout" in self.objects:
                self.objects["live.json"] = self.objects.pop("after-rollout")
                self.idle = True
            if self.idle:
                return
            wanted = live["spec"]["template"]["spec"]["containers"][1]["image"]
            if wanted in self.broken and "pods.json" in self.objects:
                live["status"] = {"observedGeneration": live["metadata"]["generation"], "replicas": 1}
            if wanted in self.broken or (live.get("status", {}).get("availableReplicas") and not self._behind(live)):
                return
            status = {"observedGeneration": live["metadata"]["generation"], "replicas": 1}
            if self.stale:
                self.stale -= 1
                condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
                status |= {"observedGeneration": 0, "conditions": [condition]}
            else:
                status |= {"updatedReplicas": 1, "availableReplicas": 1}
            live["status"] = status
            live["metadata"]["resourceVersion"] = str(int(live["metadata"]["resourceVersion"]) + 1)

    def _name(self, path: str) -> str:
        last = path.rpartition("/")[2]
        return last if re.search("/deployments|/statefulsets", path) and last in self.followers else _name(path)

    def _behind(self, live: Object) -> bool:
        return bool(live["status"].get("observedGeneration", 0) < live["metadata"]["generation"])


@cache
def _folder() -> tuple[Path, Path, Path]:
    """What a step mounts to reach the server, and the server's certificate and key: the same for all tests."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    made = authority(folder)
    (folder / "ca.crt").write_text(made.certificate.read_text())
    (folder / "token").write_text(TOKEN)
    return folder, *made.signed("IP:127.0.0.1")


_KEPT = {"deployment": "live.json", "lease": "lease.json", "freeze": "freeze.json", "approvals": "approvals.json"}


def _kept(name: str) -> str:
    return _KEPT.get(name, f"{name}.json")


def _name(path: str) -> str:
    if path.endswith("/configmaps/freeze"):
        return "freeze"
    if path.endswith("/configmaps"):
        return "approvals"
    if path.endswith(("/pods", "/events")):
        return path.rpartition("/")[2]
    if re.search("/deployments|/statefulsets", path):
        return "deployment"
    assert "/leases" in path, path
    return "lease"
