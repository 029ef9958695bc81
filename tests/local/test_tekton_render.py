"""Tekton's manifests after rendering: only our images, the settings the design needs, an order that applies."""

import copy
import json
import re
from pathlib import Path

import pytest

from images.build import Image
from images.recipes import RECIPES
from local.cluster.processes import GOGC
from local.errors import UserError
from local.progress import Progress
from local.tekton import source
from local.tekton.render import NAMESPACE, SETTINGS, VERSIONS, content_hash, render
from local.tekton.source import Manifest

IMAGES = {name: Image(name, f"sha256:{number:064x}", Path(f"{name}.tar")) for number, name in enumerate(sorted(RECIPES))}
REFERENCE = re.compile(r"[\w.-]+(?:\.[a-z]+)(?::\d+)?/[\w./:-]+@sha256:[0-9a-f]{64}")


@pytest.fixture(scope="module")
def upstream() -> list[Manifest]:
    """The pinned modules' own manifests: from the cache, else from Go's."""
    try:
        return source.load(Progress(write=lambda text: None, tty=False))
    except (UserError, FileNotFoundError) as error:
        pytest.skip(f"Tekton's modules are neither cached nor to be had here: {error}")


@pytest.fixture(scope="module")
def rendered(upstream: list[Manifest]) -> list[Manifest]:
    return render(copy.deepcopy(upstream), IMAGES)


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == kind}


def test_every_image_is_ours(rendered: list[Manifest]) -> None:
    text = json.dumps(rendered)
    assert "ko://" not in text
    ours = {image.ref for image in IMAGES.values()}
    workloads = json.dumps(list(of_kind(rendered, "Deployment").values()))
    found = set(REFERENCE.findall(workloads))
    assert found
    assert found <= ours
    for deployment in of_kind(rendered, "Deployment").values():
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            assert container["image"] in ours


def test_the_controller_gets_the_image_of_every_argument(rendered: list[Manifest]) -> None:
    arguments = of_kind(rendered, "Deployment")["tekton-pipelines-controller"]["spec"]["template"]["spec"]["containers"][0][
        "args"
    ]
    assert arguments[-1] == "-disable-ha=true"
    given = dict(zip(arguments[:-1:2], arguments[1:-1:2], strict=True))
    assert given["-entrypoint-image"] == IMAGES["tekton-pipeline-entrypoint"].ref
    assert given["-shell-image"] == IMAGES["base"].ref
    assert given["-threads-per-controller"] == "8"


def test_an_image_without_a_recipe_is_named(upstream: list[Manifest]) -> None:
    images = {name: image for name, image in IMAGES.items() if name != "tekton-pipeline-nop"}
    with pytest.raises(UserError, match="tekton-pipeline-nop"):
        render(copy.deepcopy(upstream), images)


def test_settings_are_names_that_tekton_knows(upstream: list[Manifest], rendered: list[Manifest]) -> None:
    known = of_kind(upstream, "ConfigMap")
    for name, settings in SETTINGS.items():
        if name == "feature-flags":
            assert settings.keys() <= known[name]["data"].keys()
        for key, value in settings.items():
            assert of_kind(rendered, "ConfigMap")[name]["data"][key] == value
            assert name == "feature-flags" or key in known[name]["data"]["_example"]


def test_each_part_says_which_version_it_is(upstream: list[Manifest], rendered: list[Manifest]) -> None:
    for name, module in VERSIONS.items():
        assert of_kind(upstream, "ConfigMap")[name]["data"]["version"] == "devel"
        assert of_kind(rendered, "ConfigMap")[name]["data"]["version"] == source.versions()[module]


def test_every_configuration_that_a_container_asks_for_exists(rendered: list[Manifest]) -> None:
    known = of_kind(rendered, "ConfigMap")
    for deployment in of_kind(rendered, "Deployment").values():
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            asked = {item["value"] for item in container["env"] if item["name"].startswith("CONFIG_")}
            assert asked <= known.keys()


def test_every_part_collects_its_garbage_as_seldom_as_the_cluster(rendered: list[Manifest]) -> None:
    for name, deployment in of_kind(rendered, "Deployment").items():
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            assert [item["value"] for item in container["env"] if item["name"] == "GOGC"] == [GOGC], name


def test_nothing_that_the_embedded_cluster_cannot_serve_is_installed(rendered: list[Manifest]) -> None:
    assert not of_kind(rendered, "HorizontalPodAutoscaler")
    assert of_kind(rendered, "Deployment").keys() == {
        "tekton-pipelines-controller",
        "tekton-pipelines-webhook",
        "tekton-triggers-controller",
        "tekton-triggers-webhook",
        "tekton-triggers-core-interceptors",
    }


def test_webhooks_and_interceptors_count_as_ready_only_when_they_answer(rendered: list[Manifest]) -> None:
    for name, deployment in of_kind(rendered, "Deployment").items():
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            assert "limits" not in container["resources"]
            if "controller" not in name or name.startswith("tekton-pipelines"):
                assert container["startupProbe"]["periodSeconds"] == 1, name
                assert container["readinessProbe"]["initialDelaySeconds"] == 0, name


def test_what_others_need_comes_first(rendered: list[Manifest]) -> None:
    kinds = [manifest["kind"] for manifest in rendered]
    assert kinds[0] == "Namespace"
    assert kinds[-1] == "Deployment"
    assert max(index for index, kind in enumerate(kinds) if kind == "CustomResourceDefinition") < kinds.index("Role")
    assert kinds.index("Deployment") > max(index for index, kind in enumerate(kinds) if kind == "ConfigMap")
    names = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in rendered]
    assert len(names) == len(set(names))
    assert {namespace for _, namespace, _ in names} <= {None, NAMESPACE}


def test_the_content_hash_tells_installations_apart(upstream: list[Manifest], rendered: list[Manifest]) -> None:
    assert content_hash(rendered) == content_hash(render(copy.deepcopy(upstream), IMAGES))
    other = IMAGES | {"base": Image("base", f"sha256:{'f' * 64}", Path("base.tar"))}
    assert content_hash(rendered) != content_hash(render(copy.deepcopy(upstream), other))
