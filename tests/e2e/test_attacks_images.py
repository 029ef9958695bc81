"""Images as a stolen quarantine credential pushes them, and pod 2's judgement of them, on the registries as they run."""

import base64
import hashlib
import io
import json
import os
import re
import secrets
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.cluster.names import QUARANTINE, REGISTRY
from local.demo import APPLICATION
from local.paths import ROOT, SECRETS
from tests.e2e.attacks.registry import Login, RefusedError
from tests.e2e.world import World

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
Object = dict[str, Any]

# What pod 2's first step does first.
COPY = """
import os, sys
from steps import stage
from steps.__main__ import ended
from steps.inputs import read
from steps.registry import Reading, Registry
registry = Registry(read(Reading, os.environ), {})
sys.exit(ended(lambda: stage.copy(read(stage.Copying, os.environ), registry)))
"""


@dataclass(frozen=True)
class Thief:
    """Whoever has the credential of pod 1's image step."""

    world: World
    folder: Path
    login: Login
    trusted: Login

    @property
    def _client(self) -> httpx.Client:
        password = (SECRETS / "quarantine" / "untrusted").read_text()
        url = f"http://{self.login.address}/v2/{APPLICATION}/"
        return httpx.Client(base_url=url, auth=("untrusted", password), trust_env=False, timeout=30)

    def blob(self, content: bytes, kind: str) -> Object:
        """Push a blob; its descriptor."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        with self._client as client:
            place = httpx.URL(client.post("blobs/uploads/").headers["Location"]).copy_merge_params({"digest": digest})
            client.put(place, content=content).raise_for_status()
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest, "size": len(content)}

    def push(self, manifest: Object, kind: str = MANIFEST) -> str:
        """Push a manifest; its digest."""
        with self._client as client:
            answer = client.put(
                f"manifests/{secrets.token_hex(8)}", content=json.dumps(manifest), headers={"Content-Type": kind}
            )
            answer.raise_for_status()
            return answer.headers["Docker-Content-Digest"]

    def image(self, size: int = 1000, **config: str) -> Object:
        """The manifest of an image with one layer, whose blobs are there."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo("file")
            entry.size = size
            archive.addfile(entry, io.BytesIO(secrets.token_bytes(size)))
        layer = self.blob(packed.getvalue(), "layer.v1.tar")
        said = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}} | config
        made = self.blob(json.dumps(said).encode(), "config.v1+json")
        return {"schemaVersion": 2, "mediaType": MANIFEST, "config": made, "layers": [layer]}

    def take(self, digest: str, **changed: str) -> tuple[str, str]:
        """Have pod 2's first step take an image: the tag under which it is there then, and why not if it is not."""
        results = self.folder / secrets.token_hex(4)
        results.mkdir()
        sha = secrets.token_hex(20)
        environment = os.environ | self._declared(results) | {
            "PATH": f"{self.world.machine.folders['crane']}:{os.environ['PATH']}",
            "PARAM_QUARANTINE_IMAGE": f"{self.login.address}/{APPLICATION}",
            "PARAM_IMAGE": f"{self.trusted.address}/{APPLICATION}",
            "PARAM_DIGEST": digest,
            "PARAM_HEAD_SHA": sha,
            "PARAM_PULL_REQUEST": "1",
            "DOCKER_CONFIG": str(self.folder / "trusted"),
            "SCRATCH": str(results),
        } | changed  # fmt: skip
        command = [sys.executable, "-c", COPY]
        answer = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
        tag = f"{sha}-1-{digest.removeprefix('sha256:')[:12]}"
        if answer.returncode == 0:
            assert self.trusted.digest(APPLICATION, tag) == digest
            return tag, ""
        with pytest.raises(RefusedError):
            self.trusted.digest(APPLICATION, tag)
        assert not (results / "image").exists()
        reason = results / "reason"
        return "", reason.read_text() if reason.exists() else answer.stderr

    def _declared(self, results: Path) -> dict[str, str]:
        """What the Task on the cluster tells the step."""
        task = self.world.kubernetes.custom.get_namespaced_custom_object("tekton.dev", "v1", "staging-ci", "tasks", "stage")
        (step,) = (step for step in task["spec"]["steps"] if step["name"] == "stage")
        values = {item["name"]: item.get("value", "") for item in step["env"]}
        return {name: re.sub(r"^\$\(results\.(.*)\.path\)$", rf"{results}/\1", value) for name, value in values.items()}


@pytest.fixture(scope="module")
def thief(world: World, tmp_path_factory: pytest.TempPathFactory) -> Thief:
    folder = tmp_path_factory.mktemp("images")
    thief = Login(world.machine, folder, QUARANTINE, "untrusted")
    trusted = Login(world.machine, folder, REGISTRY, "deployer")
    reads = Login(world.machine, folder, QUARANTINE, "deployer")
    auths: Object = {}
    for login, name in ((trusted, "registry"), (reads, "quarantine")):
        password = (SECRETS / name / "deployer").read_text()
        auths[login.address] = {"auth": base64.b64encode(f"deployer:{password}".encode()).decode()}
    (folder / "trusted").mkdir()
    (folder / "trusted" / "config.json").write_text(json.dumps({"auths": auths}))
    return Thief(world, folder, thief, trusted)


def test_an_image_is_taken(thief: Thief) -> None:
    """The control of all that follow."""
    tag, reason = thief.take(thief.push(thief.image()))
    assert tag, reason


def test_an_index_is_refused(thief: Thief) -> None:
    image = thief.image()
    digest = thief.push(image)
    entry = {"mediaType": MANIFEST, "digest": digest, "size": len(json.dumps(image))}
    index = thief.push({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}, INDEX)
    assert thief.take(index) == ("", "it is an index, and not one image")
    assert thief.take(digest)[0], "the control: what the index names is an image"


def test_an_image_for_another_platform_is_refused(thief: Thief) -> None:
    foreign = thief.push(thief.image(architecture="mips64"))
    tag, reason = thief.take(foreign)
    assert tag == ""
    assert reason.startswith("the image is for linux/mips64, and linux/")
    assert thief.take(foreign, PLATFORM="linux/mips64")[0]


def test_layers_that_lie_elsewhere_are_refused(thief: Thief) -> None:
    image = thief.image()
    (layer,) = image["layers"]
    # Of the usual types the embedded registry itself takes none with other places.
    foreign = {"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "urls": ["https://elsewhere.example/layer"]}
    elsewhere = image | {"layers": [layer | foreign]}
    # What the registry's own client reads as `layers` as well.
    twice = image | {"Layers": [layer]}
    for manifest in (elsewhere, twice):
        tag, reason = thief.take(thief.push(manifest))
        assert tag == ""
        assert "it is no image that can be delivered" in reason


def test_what_is_too_large_is_refused_before_a_layer_is_copied(thief: Thief) -> None:
    image = thief.image(2 * 2**20)
    digest, layer = thief.push(image), image["layers"][0]["digest"]
    tag, reason = thief.take(digest, MAX_IMAGE_SIZE="1Mi")
    assert tag == ""
    assert reason == "the image has 3 MiB compressed, and build.maxImageSize allows 1Mi"
    with pytest.raises(RefusedError):
        thief.trusted.crane("blob", thief.trusted.image(APPLICATION, layer))
    assert thief.take(digest)[0], "the control: the declared bound lets it pass"


def test_a_layer_that_is_larger_than_its_manifest_says_is_not_taken(thief: Thief) -> None:
    image = thief.image(2 * 2**20)
    (layer,) = image["layers"]
    digest = thief.push(image | {"layers": [layer | {"size": 1}]})
    tag, told = thief.take(digest)
    assert tag == ""
    assert "does not match expected size" in told, "the copy itself fails"
    with pytest.raises(RefusedError):
        thief.trusted.crane("blob", thief.trusted.image(APPLICATION, layer["digest"]))
