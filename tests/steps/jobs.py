"""A stand-in for the API server that has Jobs as well, and the PodTemplate by which they are made."""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steps.pods import LOGS
from tests.steps.api import Cluster
from tests.steps.objects import Object
from tests.steps.serving import RefusedError

LABEL = "tekton-delivery/before-rollout"
CONTAINER: Object = {"name": "app", "image": "placeholder", "command": ["migrate"], "terminationMessagePolicy": LOGS}
TEMPLATE: Object = {
    "metadata": {"labels": {LABEL: "shop"}},
    "spec": {
        "activeDeadlineSeconds": 600,
        "containers": [CONTAINER],
        "initContainers": [{"name": "proxy", "image": "proxy"}],
    },
}
SUCCEEDED: Object = {"conditions": [{"type": "Complete", "status": "True"}]}
FAILED: Object = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
LATE: Object = {"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]}


def job(name: str, image: str, status: Object | None = None) -> Object:
    pod = TEMPLATE["spec"] | {"containers": [CONTAINER | {"image": image}]}
    return {
        "metadata": {"name": name, "labels": {LABEL: "shop"}, "uid": f"uid-of-{name}", "resourceVersion": "1"},
        "spec": {"activeDeadlineSeconds": 660, "template": {"spec": pod}},
        "status": status or {},
    }


def pod(**status: Any) -> Object:
    return {"metadata": {"name": "pod"}, "status": status}


class JobsCluster(Cluster):
    """`ends` is the status that a Job gets once somebody watches it, by its name; None: it goes on."""

    def __init__(self, root: Path, *, image: str, notes: dict[str, str] | None = None) -> None:
        self.jobs: dict[str, Object] = {}
        self.pods: list[Object] = []
        self.made: list[Object] = []
        self.deleted: list[str] = []
        self.refuses = ""
        self.loses_the_answer = self.keeps = False
        self.ends: Callable[[str], Object | None] = lambda _: SUCCEEDED
        self.watching: Callable[[], None] = lambda: None
        self.template: Object | None = TEMPLATE
        self._uids = itertools.count(1)
        super().__init__(root, image=image, notes=notes)

    def answer(self, method: str, path: str, query: dict[str, str], body: Object) -> Object:
        kind, _, name = path.partition("/namespaces/staging/")[2].partition("/")
        if kind not in ("jobs", "pods", "podtemplates"):
            return super().answer(method, path, query, body)
        with self.changed:
            self.calls.append(f"{method} {kind}")
            self.queries.append(query)
            return json.loads(json.dumps(self._answer(method, kind, name, query, body)))  # type: ignore[no-any-return]

    def _answer(self, method: str, kind: str, name: str, query: dict[str, str], body: Object) -> Object:
        if method == "POST":
            return self._made(body)
        if kind == "podtemplates":
            if self.template is None or name != "shop-before-rollout":
                raise RefusedError(404, "NotFound", f'podtemplates "{name}" not found')
            return {"metadata": {"name": name}, "template": self.template}
        if kind == "pods":
            selected = query["labelSelector"].removeprefix("batch.kubernetes.io/controller-uid=")
            known = [job["metadata"]["uid"] for job in self.jobs.values()]
            return {"metadata": {}, "items": self.pods if selected in known else []}
        if not name:
            assert query["labelSelector"] == f"{LABEL}=shop"
            return {"metadata": {}, "items": list(self.jobs.values())}
        if name not in self.jobs:
            raise RefusedError(404, "NotFound", f'jobs "{name}" not found')
        if method == "DELETE":
            assert query == {"propagationPolicy": "Background"}
            self.deleted.append(name)
            return self.jobs[name] if self.keeps else self.jobs.pop(name)
        return self.jobs[name]

    def _made(self, body: Object) -> Object:
        name = body["metadata"]["name"]
        if self.refuses:
            raise RefusedError(403, "Forbidden", self.refuses)
        if name in self.jobs:
            raise RefusedError(409, "AlreadyExists", f'jobs "{name}" already exists')
        self.made.append(body)
        metadata = body["metadata"] | {"uid": f"uid-{next(self._uids)}", "resourceVersion": "1"}
        self.jobs[name] = body | {"metadata": metadata}
        if self.loses_the_answer:
            self.loses_the_answer = False
            raise RefusedError(500, "", "the answer was lost")
        return self.jobs[name]

    def watched(self, path: str, query: dict[str, str], send: Callable[[Object], None]) -> None:
        if not path.endswith("/jobs"):
            super().watched(path, query, send)
            return
        name = query["fieldSelector"].removeprefix("metadata.name=")
        self.calls.append(f"WATCH {name}")
        self.watching()
        self.hang("job")
        found = self.jobs.get(name)
        status = self.ends(name)
        if found and status:
            metadata = found["metadata"] | {"resourceVersion": str(int(found["metadata"]["resourceVersion"]) + 1)}
            self.jobs[name] = found | {"status": status, "metadata": metadata}
            send({"type": "MODIFIED", "object": self.jobs[name]})
        else:
            time.sleep(0.05)
