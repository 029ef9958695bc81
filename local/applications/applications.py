"""Applications in frameworks that people use, beside the sample: their repositories, and what a stack file says of them.

They are in `tests/e2e/applications/`, each as its team would have it; `NAME.yaml` beside a folder is what stack files say.
"""

import secrets
import string
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from components.conventions import PULL_SECRET
from images import bases, publish
from images.build import Image
from local import machine, pulumi_stacks
from local.applications import way_out
from local.cluster.names import QUARANTINE, REGISTRY
from local.errors import UserError
from local.forge import secret_files
from local.forge import setup as forge
from local.machine import Machine
from local.paths import IMAGE_REFS, ROOT, SECRETS, STATE
from local.progress import Progress

FOLDER = ROOT / "tests" / "e2e" / "applications"
DATABASE = "django-database"


@dataclass(frozen=True)
class Application:
    """One of them."""

    name: str
    bases: tuple[str, ...]
    """The base images that its Dockerfile names."""
    ports: Mapping[str, int]
    """Environment → NodePort."""
    title: str
    """The heading of its page."""
    heading: str
    """The file that has it."""
    text: str = "{}\n"
    """What is in it, around the heading."""
    needs: tuple[str, ...] = ()
    """Images that its tests and its database run."""

    @property
    def repository(self) -> str:
        return f"{forge.OWNER}/{self.name}"

    def files(self) -> dict[str, bytes]:
        """What its repository holds."""
        return forge.files_below(FOLDER / self.name)

    def headed(self, heading: str) -> dict[str, str]:
        """The change that gives its page another heading."""
        return {self.heading: self.text.format(heading)}

    def lines(self) -> list[dict[str, Any]]:
        """What a stack file says of it."""
        read: list[dict[str, Any]] = yaml.safe_load((FOLDER / f"{self.name}.yaml").read_text())
        return read


APPLICATIONS = {
    application.name: application
    for application in (
        Application(
            "django",
            ("python",),
            {"staging": 30090, "production": 30091},
            "Notes",
            "notes/templates/notes/heading.txt",
            needs=("python", "postgres"),
        ),
        Application(
            "node",
            ("node",),
            {"staging": 30092, "production": 30093},
            "Degrees",
            "src/heading.ts",
            'export const heading = "{}";\n',
        ),
        Application("go", ("golang",), {"staging": 30094, "production": 30095}, "Words", "cmd/server/heading.txt"),
    )
}


def ensure(running: Machine, chosen: Iterable[Application], progress: Progress) -> None:
    """Everything that these applications need before the stacks name them: base images, repositories, the way out."""
    chosen = list(chosen)
    names = sorted({name for application in chosen for name in (*application.bases, *application.needs)})
    _publish(running, bases.ensure(names, progress), chosen, progress)
    for application in chosen:
        forge.ensure_repository(
            running.forge.admin, application.repository, application.files(), running.forge.deploy_key, progress
        )
        machine.tell(running.kubernetes, replace(running.forge, repository=application.repository), progress)
        if "postgres" in application.needs:
            _ensure_databases(running, application.ports, progress)
    way_out.ensure(running.cluster)


def bring_up(running: Machine, application: Application, progress: Progress) -> None:
    """Deliver one of them beside the sample, until the stacks are brought up as they are shipped."""
    ensure(running, [application], progress)
    files = {}
    for stack in pulumi_stacks.STACKS:
        folder = STATE / "applications" / stack
        folder.mkdir(parents=True, exist_ok=True)
        files[stack] = pulumi_stacks.altered(stack, folder, settings(running, [application], stack))
    pulumi_stacks.up(running.cluster, running.folders, progress, files)


def settings(running: Machine, chosen: Iterable[Application], stack: str) -> Callable[[dict[str, Any]], None]:
    """What a shipped stack's settings gain, which is named as its environment is."""

    def change(settings: dict[str, Any]) -> None:
        environment = settings["environments"][0]
        # A framework takes longer to start than the sample's shell, and more so where others build meanwhile.
        environment["rolloutTimeout"] = "3m"
        ports = environment["nodePorts"]
        for application in chosen:
            lines = application.lines()
            ports[application.name] = application.ports[stack]
            for line in lines:
                if "build" not in settings:
                    # What concerns tests is said where they run.
                    line = {key: value for key, value in line.items() if key not in ("tests", "services")}
                settings["applications"].append(line)
            if any("stage" in line.get("tests", {}) for line in lines) and "build" in settings:
                # Forks are tested in a pod without a builder.
                settings["forge"].pop("okToTest", None)
        if "build" in settings:
            settings["build"]["proxy"] = {"url": f"http://{running.cluster.node_ip}:{way_out.PORT}"}

    return change


def _publish(running: Machine, images: Mapping[str, Image], chosen: list[Application], progress: Progress) -> None:
    """Push base images to where builds find docker.io's, and what pods run to where these are pulled."""
    crane = running.folders["crane"] / "crane"
    for name in sorted({name for application in chosen for name in application.bases}):
        mirror = machine.platform(running.cluster, QUARANTINE, machine.MIRRORED)
        publish.publish(images, crane, mirror, progress, names=[name], tags=bases.BASE_IMAGES[name].tags)
    pulled = sorted({name for application in chosen for name in application.needs})
    publish.publish(images, crane, machine.platform(running.cluster, REGISTRY), progress, IMAGE_REFS, pulled)


def remove_databases(running: Machine, environments: Iterable[str]) -> None:
    """Take away what `ensure` has brought into environments beside the stacks."""
    for environment in environments:
        _database(running, "delete", environment, {"PASSWORD": "", "IMAGE": "", "PULL_SECRET": PULL_SECRET})


def _ensure_databases(running: Machine, environments: Iterable[str], progress: Progress) -> None:
    """A PostgreSQL in each environment, as somebody else would bring it: the program does not."""
    for environment in environments:
        password = SECRETS / f"{DATABASE}-{environment}"
        if not password.exists():
            secret_files.write(password, secrets.token_hex(16))
        values = {
            "PASSWORD": password.read_text(),
            "IMAGE": (IMAGE_REFS / "postgres").read_text().strip(),
            "PULL_SECRET": PULL_SECRET,
        }
        _database(running, "apply", environment, values)
    with progress.step("Wait for the databases"):
        for environment in environments:
            running.kubernetes.wait_for_deployment(environment, DATABASE, seconds=60)


def _database(running: Machine, verb: str, environment: str, values: Mapping[str, str]) -> None:
    kubectl = running.folders["kubernetes"] / "kubectl"
    manifest = string.Template((FOLDER / "database.yaml").read_text()).substitute(values)
    command = [
        str(kubectl),
        f"--kubeconfig={running.cluster.kubeconfig}",
        verb,
        f"--namespace={environment}",
        "--filename=-",
        *(["--ignore-not-found"] if verb == "delete" else []),
    ]
    done = subprocess.run(command, input=manifest, capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"kubectl {verb} of the database of {environment} failed: {done.stderr.strip()}")
