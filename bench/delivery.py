"""How long a delivery takes beside the bare change of an image on the same cluster: `python -m bench.delivery [ROUNDS]`.

The bare change is `kubectl set image` and `kubectl rollout status` on a Deployment with the pod template of staging's, once
in each round, so that both meet the same load. Its image is on the node by then; the pipeline's is not.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kubernetes import client

from bench import report
from bench.rounds import Delivery, Round, deliver, how_many
from local import machine
from local.demo import DEPLOYMENT, PORTS
from local.errors import UserError
from local.kubernetes_api import wait_until
from local.machine import Machine
from local.progress import Progress

ROUNDS = 5
TWIN = "bench-twin"
NAMESPACE = "staging"


def main(arguments: list[str]) -> int:
    """Measure, print and record. Returns the exit code."""
    progress = Progress()
    try:
        rounds = how_many(arguments, ROUNDS)
        before, running = report.load(), machine.connect()
        delivered: list[Round] = []
        bare: list[float] = []
        with _twin(running):
            for number in range(1, rounds + 1):
                with progress.step(f"Round {number} of {rounds}"):
                    delivered.append(deliver(running, f"Measured at {time.strftime('%H:%M:%S')}"))
                    bare.append(_set_image(running))
        text = _text(delivered, bare, before)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    progress.line(f"\n{text}")
    report.append(f"Delivery, {rounds} rounds", text)
    return 0


@contextmanager
def _twin(running: Machine) -> Iterator[None]:
    """A Deployment like staging's, which no pipeline and no Service knows."""
    apps = running.kubernetes.apps
    template = apps.read_namespaced_deployment(DEPLOYMENT, NAMESPACE).spec.template
    labels = {"app": TWIN}
    template.metadata = client.V1ObjectMeta(labels=labels)
    spec = client.V1DeploymentSpec(replicas=1, selector=client.V1LabelSelector(match_labels=labels), template=template)
    apps.create_namespaced_deployment(NAMESPACE, client.V1Deployment(metadata=client.V1ObjectMeta(name=TWIN), spec=spec))
    try:
        wait_until(lambda: running.kubernetes.deployment_ready(NAMESPACE, TWIN), 60, f"{NAMESPACE}/{TWIN} is not ready")
        yield
    finally:
        apps.delete_namespaced_deployment(TWIN, NAMESPACE)


def _set_image(running: Machine) -> float:
    """Give the twin the image that staging runs now; the seconds until it is rolled out."""
    image = running.kubernetes.deployment(NAMESPACE, DEPLOYMENT).spec.template.spec.containers[0].image
    kubectl = [str(running.folders["kubernetes"] / "kubectl"), f"--namespace={NAMESPACE}"]
    environment = os.environ | {"KUBECONFIG": str(running.cluster.kubeconfig)}
    begun = time.monotonic()
    for arguments in (["set", "image", f"deployment/{TWIN}", f"app={image}"], ["rollout", "status", f"deployment/{TWIN}"]):
        result = subprocess.run([*kubectl, *arguments], env=environment, capture_output=True, text=True)
        if result.returncode != 0:
            raise UserError(f"`kubectl {arguments[0]}` failed: {result.stderr.strip()}")
    return time.monotonic() - begun


def _text(delivered: list[Round], bare: list[float], load: float) -> str:
    def column(environment: str) -> list[Delivery]:
        return [one.deliveries[environment] for one in delivered]

    seconds = {
        "webhook to staging's answer (test, build, rollout)": [one.answer for one in column("staging")],
        "merge's webhook to production's answer": [one.answer for one in column("production")],
        "bare `kubectl set image` + `rollout status`": bare,
    }
    ratios = {
        environment: [one.answer / other for one, other in zip(column(environment), bare, strict=True)]
        for environment in PORTS
    }
    tables = [
        report.machine(load),
        report.table(seconds, "seconds"),
        report.table(ratios, "times the bare change", 1),
        *(f"{environment}, by parts:\n\n{_parts(column(environment))}" for environment in PORTS),
    ]
    return "\n\n".join(tables)


def _parts(deliveries: list[Delivery]) -> str:
    rows = {
        "forge's own work before": [one.forge for one in deliveries],
        "webhook to the run's being there": [one.run for one in deliveries],
        "webhook to the run's end": [one.pipeline for one in deliveries],
    }
    for name in deliveries[-1].parts:
        rows[name] = [one.parts[name] for one in deliveries if name in one.parts]
    return report.table(rows, "seconds")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
