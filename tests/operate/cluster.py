"""A cluster in memory, with the API server's rules that the commands rely on: versions, and strategic merge patches."""

import copy
import json
from typing import Any

from kubernetes import client

from components.conventions import FOLLOWS, WORKLOADS, Manifest, labels
from operate.cluster import Cluster, ConflictError
from operate.target import Target
from steps.workloads import Workload, workloads

REPOSITORY = "registry.internal:5000/shop"
NAME = "shop-pod"


def image(letter: str) -> str:
    return f"{REPOSITORY}@sha256:{letter * 64}"


def served(letter: str, number: int, **more: Any) -> Manifest:
    """An entry of a Deployment's history, as deliveries write it."""
    return {
        "image": image(letter),
        "commit": letter * 40,
        "pullRequest": str(number),
        "mergeCommit": str(number) * 40,
        "run": f"shop-production-{number}-promote",
        "at": f"2026-11-22T12:0{number}:00Z",
    } | more


def run(number: int, at: str, *, ended: bool = True, event: str = "pull-request") -> Manifest:
    """A PipelineRun that a webhook started at a time of the day."""
    name = f"shop-staging-{number}-{'abcdef01'}-20261122{at.replace(':', '')}"
    about = {"tekton-delivery/event": event, "tekton-delivery/pull-request": str(number)}
    theirs = {"tekton.dev/pipeline": "shop-staging-pipeline", "triggers.tekton.dev/trigger": "pr-trigger"}
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": name,
            "namespace": "staging-ci",
            "creationTimestamp": f"2026-11-22T{at}Z",
            "uid": "1",
            "labels": labels(environment="staging", application="shop") | about | theirs,
        },
        "spec": {
            "pipelineRef": {"name": "shop-staging-pipeline"},
            "params": [{"name": "pull-request", "value": str(number)}],
        },
        "status": {"completionTime": "later"} if ended else {},
    }


def promotion(entry: Manifest) -> Manifest:
    """The TaskRun that brought an entry to production."""
    params = {"head-sha": entry.get("commit"), "merge-sha": entry.get("mergeCommit")}
    return {
        "metadata": {"name": entry["run"], "labels": {"tekton.dev/pipelineRun": entry["run"]}},
        "spec": {
            "serviceAccountName": "deployer",
            "params": [{"name": name, "value": value} for name, value in params.items()],
        },
        "status": {"conditions": [{"status": "True"}], "results": [{"name": "image", "value": entry["image"]}]},
    }


def task_run(of: Manifest, reason: str, account: str = "deployer") -> Manifest:
    """The TaskRun of a PipelineRun that gave a reason."""
    metadata = of["metadata"] | {"labels": of["metadata"]["labels"] | {"tekton.dev/pipelineRun": of["metadata"]["name"]}}
    spec = {"serviceAccountName": account}
    return {"metadata": metadata, "spec": spec, "status": {"results": [{"name": "reason", "value": reason}]}}


class Memory(Cluster):
    """An environment with the application shop."""

    def workload_namespace(self, environment: str) -> str:
        return environment

    def delivery_namespace(self, environment: str) -> str:
        return f"{environment}-ci"

    def __init__(self, environment: str = "production", *history: Manifest, user: str = "ana") -> None:
        self.user, self.environment = user, environment
        self.secrets: dict[tuple[str, str], str | int] = {}
        """The one key of each Secret, or as what the API server refuses it."""
        self.broken: set[str] = set()
        """Images that never get ready, alone or after the name of the one Deployment where they do not."""
        self.before_patch: list[Manifest] = []
        """Annotations that somebody else writes just before the next patches."""
        self.pipeline_runs: list[Manifest] = []
        self.task_runs: list[Manifest] = [promotion(entry) for entry in history]
        self.marks: dict[str, Manifest] = {
            entry["image"].partition("@")[2]: {"headSha": entry.get("commit"), "pullRequest": entry.get("pullRequest")}
            | entry.get("mark", {})
            for entry in history
        }
        """What the registry holds, by digest."""
        self.created: list[Manifest] = []
        self.declared = {"image": REPOSITORY, "vouched-by": "staging"}
        """What the stack says in the pipeline that proves images."""
        self.tasks: list[Manifest] = [{"name": "build"}]
        """Of the pipeline of pull requests; in version 0.1.0 they said nothing of how long they may take."""
        self.waiting: dict[str, Manifest] = {}
        """TaskRuns by name that wait for approval."""
        self.config_maps: dict[str, Manifest] = {}
        self.counted: tuple[int, int] | None = (7, 200)
        """Runs that there are, and may be."""
        self.switch: Manifest = {"metadata": {}}
        self.following: dict[str, Manifest] = {}
        """Deployments that run the same image, by name."""
        self.patched: list[str] = []
        """Names of Deployments, in the order of their changes."""
        self.held: Manifest = {"metadata": {"name": NAME, "resourceVersion": "1"}, "spec": {}}
        last = history[-1] if history else None
        notes = {"tekton-delivery/history": json.dumps(history, separators=(",", ":"))} if history else {}
        if last:
            notes |= {"tekton-delivery/commit": last["commit"], "tekton-delivery/pull-request": last["pullRequest"]}
        self.live: Manifest = {
            "metadata": {
                "name": NAME,
                "namespace": environment,
                "labels": labels(environment=environment, application="shop"),
                "annotations": notes,
                "resourceVersion": "1",
                "generation": 1,
            },
            "spec": {
                "replicas": 2,
                "progressDeadlineSeconds": 1,
                "template": {"spec": {"containers": [{"name": "app", "image": last["image"] if last else "tools"}]}},
            },
        }

    def follow(self, name: str, runs: str) -> None:
        """Add a Deployment that follows the application's own."""
        made = copy.deepcopy(self.live)
        of = made["metadata"]
        of |= {"name": name, "annotations": {}}
        of["labels"] |= {"app.kubernetes.io/name": name.removesuffix("-pod"), FOLLOWS: "shop"}
        made["spec"]["template"]["spec"]["containers"][0]["image"] = runs
        self.following[name] = made

    def runs_now(self, name: str) -> str:
        return str(self.following[name]["spec"]["template"]["spec"]["containers"][0]["image"])

    @property
    def target(self) -> Target:
        leads, *others = workloads(self.environment, (NAME, *self.following), "app")
        return Target(self, self.environment, "shop", leads, tuple(others))

    @property
    def image(self) -> str:
        return str(self.live["spec"]["template"]["spec"]["containers"][0]["image"])

    @property
    def notes(self) -> Manifest:
        found: Manifest = self.live["metadata"]["annotations"]
        return found

    def whoami(self) -> str:
        return self.user

    def environments(self) -> list[str]:
        return ["production", "staging"]

    def deployments(self, environment: str) -> list[Manifest]:
        if environment != self.environment:
            return []
        return [self.workload(each) for each in workloads(environment, (NAME, *self.following), "app")]

    def existing(self, environment: str) -> list[Manifest]:
        return [self.held] if WORKLOADS in self.held["metadata"].get("annotations", {}) else []

    def workload(self, workload: Workload) -> Manifest:
        name = workload.name
        assert workload.namespace == self.environment
        made = copy.deepcopy(self._named(name))
        image = made["spec"]["template"]["spec"]["containers"][0]["image"]
        count = 1 if {image, f"{name} {image}"} & self.broken else 2
        made["status"] = {
            "observedGeneration": made["metadata"]["generation"],
            "replicas": 2,
            "updatedReplicas": 2,
            "availableReplicas": count,
        }
        return made

    def patch_workload(self, workload: Workload, body: Manifest) -> None:
        name = workload.name
        live = self._named(name)
        if self.before_patch:
            self.notes.update(self.before_patch.pop())
            self._changed(self.live)
        metadata = live["metadata"]
        if body["metadata"].get("resourceVersion", metadata["resourceVersion"]) != metadata["resourceVersion"]:
            raise ConflictError
        for key, value in body["metadata"]["annotations"].items():
            metadata["annotations"].pop(key, None)
            if value is not None:
                metadata["annotations"][key] = value
        for container in body.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            assert container["name"] == "app"
            live["spec"]["template"]["spec"]["containers"][0] |= container
            metadata["generation"] += 1
        self.patched.append(name)
        self._changed(live)

    def _named(self, name: str) -> Manifest:
        return self.live if name == NAME else self.following[name]

    def lease(self, environment: str, name: str) -> Manifest:
        return copy.deepcopy(self.held)

    def replace_lease(self, environment: str, name: str, body: Manifest) -> None:
        if body["metadata"]["resourceVersion"] != self.held["metadata"]["resourceVersion"]:
            raise ConflictError
        self.held = copy.deepcopy(body)
        self._changed(self.held)

    def quota(self, environment: str) -> tuple[int, int] | None:
        return self.counted

    def freeze(self, environment: str) -> Manifest:
        return copy.deepcopy(self.switch)

    def patch_freeze(self, environment: str, data: Manifest) -> None:
        self.switch["data"] = {key: value for key, value in data.items() if value is not None}

    def runs(self, environment: str, plural: str, application: str) -> list[Manifest]:
        return {"pipelineruns": self.pipeline_runs, "taskruns": self.task_runs}[plural]

    def create_run(self, environment: str, body: Manifest) -> None:
        name = body["metadata"]["name"]
        if name in [made["metadata"]["name"] for made in self.created]:
            raise ConflictError
        self.created.append(body)
        if body["spec"]["pipelineRef"]["name"] == f"shop-{environment}-proof-pipeline":
            self._prove(name, {param["name"]: param["value"] for param in body["spec"]["params"]})

    def _prove(self, name: str, given: dict[str, str]) -> None:
        """As proof.sh does."""
        mark = self.marks.get(given["digest"])
        told = mark and mark["headSha"] in (given["commit"], given["merge-commit"])
        result = {"name": "mark", "value": json.dumps(mark)} if told else {"name": "reason", "value": "nobody has signed it"}
        condition = {"type": "Succeeded", "status": str(bool(told)), "message": "Tasks Completed"}
        self.pipeline_runs.append(
            {"metadata": {"name": name, "labels": {}}, "status": {"completionTime": "now", "conditions": [condition]}}
        )
        labels = {"tekton.dev/pipelineRun": name}
        self.task_runs.append({"metadata": {"name": name, "labels": labels}, "spec": {}, "status": {"results": [result]}})

    def secret(self, environment: str, name: str, key: str) -> str:
        found = self.secrets.get((self.delivery_namespace(environment), name), 404)
        if isinstance(found, int):
            raise client.ApiException(status=found)
        return found

    def tekton(self, environment: str, plural: str, name: str) -> Manifest:
        if plural == "taskruns" and name in self.waiting:
            return self.waiting[name]
        if (plural, name) == ("pipelines", "shop-staging-pipeline"):
            return {"spec": {"tasks": self.tasks}}
        if (plural, name) != ("pipelines", f"shop-{environment}-proof-pipeline") or not self.declared:
            raise client.ApiException(status=404, reason="Not Found")
        return {"spec": {"tasks": [{"params": [{"name": key, "value": value} for key, value in self.declared.items()]}]}}

    def create_config_map(self, environment: str, body: Manifest) -> None:
        if body["metadata"]["name"] in self.config_maps:
            raise ConflictError
        self.config_maps[body["metadata"]["name"]] = body

    def _changed(self, item: Manifest) -> None:
        item["metadata"]["resourceVersion"] = str(int(item["metadata"]["resourceVersion"]) + 1)
