"""The copy of staging: out of quarantine by digest, unchanged; what pod 1 says is data, and only a digest is accepted."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from steps import stage
from steps.inputs import read
from steps.registry import Reading, Registry
from tests.steps.conftest import HOSTILE, Result, Sandbox

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64
QUARANTINED = f"quarantine.internal:5001/shop@{DIGEST}"

OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker."
GIBIBYTE = 2**30


def layer(size: object = 1000, **more: object) -> dict[str, object]:
    return {"mediaType": f"{OCI}layer.v1.tar+gzip", "digest": "sha256:" + "c" * 64, "size": size} | more


def manifest(*layers: dict[str, object], **changed: object) -> dict[str, object]:
    """An image's manifest as builders push it."""
    config = {"mediaType": f"{OCI}config.v1+json", "digest": "sha256:" + "b" * 64, "size": 233}
    known = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}manifest.v1+json",
        "config": config,
        "layers": list(layers or [layer()]),
    }
    return {name: value for name, value in (known | changed).items() if value is not None}


CONFIG = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers"}, "config": {"Cmd": ["serve"]}}


def copy(
    sandbox: Sandbox, *, crane: str = "", found: Any = None, config: Any = CONFIG, machine: str = "x86_64", **changed: str
) -> Result:
    """Run it where the quarantine has this manifest and this configuration; `crane` is how a copy goes."""
    texts = [
        value if isinstance(value, str) else json.dumps(value) for value in (manifest() if found is None else found, config)
    ]
    files = [sandbox.file(name, text) for name, text in zip(("manifest", "config"), texts, strict=True)]
    answers = f"manifest) cat '{files[0]}' ;; config) cat '{files[1]}' ;;"
    sandbox.stub("crane", f'case "$1" in {answers} copy) : ; {crane or ":"} ;; esac')
    env = {
        "PARAM_QUARANTINE_IMAGE": "quarantine.internal:5001/shop",
        "PARAM_DIGEST": DIGEST,
        "PARAM_IMAGE": "registry.internal:5000/shop",
        "PARAM_HEAD_SHA": SHA,
        "PARAM_PULL_REQUEST": "7",
        "PLATFORM": "",
        "MAX_IMAGE_SIZE": "2Gi",
        "INSECURE": "false",
        "DOCKER_CONFIG": "/credentials/registry",
        "RESULT_IMAGE_PATH": str(sandbox.root / "image"),
        "RESULT_REASON_PATH": str(sandbox.root / "reason"),
    }

    def run(given: Mapping[str, str]) -> None:
        stage.copy(read(stage.Copying, given), Registry(read(Reading, given), {}))

    with mock.patch("os.uname", return_value=SimpleNamespace(machine=machine)):
        return sandbox.part(run, **env | changed)


def refused(sandbox: Sandbox, result: Result) -> str:
    """Why an image was not copied, as the commit status says it."""
    assert result.code != 0
    assert [call[0] for call in sandbox.called("crane") if call[0] == "copy"] == []
    assert not (sandbox.root / "image").exists()
    reason = (sandbox.root / "reason").read_text()
    assert f"error: {reason}\n" in result.err
    assert reason.isascii()
    assert reason.isprintable()
    assert len(reason) <= 139
    return reason


def test_it_copies_by_digest_to_a_tag_that_no_other_copy_takes(sandbox: Sandbox) -> None:
    """The tags that lead to what was signed stay where they are."""
    assert copy(sandbox).code == 0
    (call,) = (call for call in sandbox.called("crane") if call[0] == "copy")
    assert call == ["copy", QUARANTINED, f"registry.internal:5000/shop:{SHA}-7-{'a' * 12}"]


def test_what_is_judged_is_what_is_copied(sandbox: Sandbox) -> None:
    copy(sandbox)
    assert {call[-1] for call in sandbox.called("crane") if call[0] != "copy"} == {QUARANTINED}


def test_the_result_is_the_image_by_digest_without_a_newline(sandbox: Sandbox) -> None:
    copy(sandbox)
    assert (sandbox.root / "image").read_bytes() == f"registry.internal:5000/shop@{DIGEST}".encode()


def test_plain_http_is_asked_for_where_it_is_allowed(sandbox: Sandbox) -> None:
    copy(sandbox, INSECURE="true")
    assert all("--insecure" in call for call in sandbox.called("crane"))


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "latest",
        "sha256:" + "a" * 63,
        "sha256:" + "A" * 64,
        "sha512:" + "a" * 64,
        DIGEST + " --insecure",
        DIGEST + "\nsecond line",
        "first line\n" + DIGEST,
        *HOSTILE,
    ],
)
def test_what_is_no_digest_is_refused(sandbox: Sandbox, digest: str) -> None:
    result = copy(sandbox, PARAM_DIGEST=digest)
    assert "pod 1 gave no digest but" in refused(sandbox, result)
    assert sandbox.called("crane") == []


def test_a_failed_copy_hands_on_nothing(sandbox: Sandbox) -> None:
    assert copy(sandbox, crane="exit 1").code != 0
    assert not (sandbox.root / "image").exists()


class TestWhatItIs:
    """One image for one platform, and all of it in the registry."""

    @pytest.mark.parametrize(
        "good",
        [
            manifest(),
            manifest(mediaType=None),
            manifest(annotations={"org.opencontainers.image.base.name": "debian"}),
            manifest(layer(annotations={"a": "b"}), layer(mediaType=f"{OCI}layer.v1.tar+zstd")),
            manifest(
                layer(mediaType=f"{DOCKER}image.rootfs.diff.tar.gzip"),
                mediaType=f"{DOCKER}distribution.manifest.v2+json",
                config={"mediaType": f"{DOCKER}container.image.v1+json", "digest": "sha256:" + "b" * 64, "size": 233},
            ),
        ],
        ids=["oci", "no media type", "annotations", "layers", "docker"],
    )
    def test_an_image_is_let_through(self, sandbox: Sandbox, good: dict[str, object]) -> None:
        result = copy(sandbox, found=good)
        assert result.code == 0, result.err

    @pytest.mark.parametrize(
        "index",
        [
            {"schemaVersion": 2, "mediaType": f"{OCI}index.v1+json", "manifests": []},
            {"schemaVersion": 2, "mediaType": f"{DOCKER}distribution.manifest.list.v2+json", "manifests": []},
            {"schemaVersion": 2, "manifests": []},
            manifest(manifests=[]),
        ],
        ids=["oci", "docker", "no media type", "both at once"],
    )
    def test_an_index_is_refused(self, sandbox: Sandbox, index: dict[str, object]) -> None:
        """Which of its images runs is up to each node."""
        assert "is an index" in refused(sandbox, copy(sandbox, found=index))

    @pytest.mark.parametrize(
        "other",
        [
            "",
            "no JSON",
            "[]",
            "null",
            json.dumps(manifest()) * 2,
            {"schemaVersion": 1, "fsLayers": []},
            manifest(mediaType="application/json"),
            manifest(mediaType=7),
            manifest(artifactType="application/x"),
            manifest(subject={"digest": DIGEST}),
            manifest(config={"mediaType": f"{OCI}config.v1+json"}),
            manifest(config={"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": DIGEST, "size": 2}),
            manifest(layers={}),
            manifest(layer(mediaType="text/plain")),
            manifest(layer(mediaType=f"{OCI}layer.nondistributable.v1.tar+gzip")),
            manifest(layer(mediaType=f"{DOCKER}image.rootfs.foreign.diff.tar.gzip")),
            manifest(layer(urls=["https://elsewhere.example/layer"])),
            manifest(layer(data="aGk=")),
            # Go's clients take a name in any case for the same field.
            manifest(Layers=[layer(urls=["https://elsewhere.example/layer"])]),
            manifest(layer(URLs=["https://elsewhere.example/layer"])),
            manifest(layer(**{"url\u017f": ["https://elsewhere.example/layer"]})),
        ],
    )
    def test_what_is_no_image_or_lies_elsewhere_is_refused(self, sandbox: Sandbox, other: Any) -> None:
        assert "is no image that can be delivered" in refused(sandbox, copy(sandbox, found=other))

    def test_a_huge_manifest_is_refused(self, sandbox: Sandbox) -> None:
        result = copy(sandbox, found=manifest(annotations={"a": "b" * 4 * 2**20}))
        assert "larger than 4 MiB" in refused(sandbox, result)

    def test_a_huge_configuration_is_not_even_fetched(self, sandbox: Sandbox) -> None:
        config = {"mediaType": f"{OCI}config.v1+json", "digest": DIGEST, "size": 5 * 2**20}
        result = copy(sandbox, found=manifest(config=config))
        assert "larger than 4 MiB" in refused(sandbox, result)
        assert [call[0] for call in sandbox.called("crane")] == ["manifest"]

    @pytest.mark.parametrize("text", ["\x1b[2J\u202egnp", "\u2066a\nb\rc"])
    def test_its_own_words_reach_the_status_without_control_and_direction(self, sandbox: Sandbox, text: str) -> None:
        for lie in (manifest(**{text: 1}), manifest(mediaType=text)):
            refused(sandbox, copy(sandbox, found=lie))
        refused(sandbox, copy(sandbox, config=CONFIG | {"architecture": text}))


class TestSize:
    """What its manifest says it has is at most what the settings allow; a copy with other sizes fails by itself."""

    def test_up_to_the_bound_it_is_copied(self, sandbox: Sandbox) -> None:
        assert copy(sandbox, found=manifest(layer(GIBIBYTE), layer(GIBIBYTE - 233))).code == 0

    def test_above_it_is_refused_before_anything_is_copied(self, sandbox: Sandbox) -> None:
        reason = refused(sandbox, copy(sandbox, found=manifest(layer(GIBIBYTE), layer(GIBIBYTE))))
        assert reason == "the image has 2049 MiB compressed, and build.maxImageSize allows 2Gi"

    @pytest.mark.parametrize(("bound", "code"), [("1Mi", 0), ("1023Ki", 1)])
    def test_the_bound_is_a_setting(self, sandbox: Sandbox, bound: str, code: int) -> None:
        assert copy(sandbox, found=manifest(layer(2**20 - 233)), MAX_IMAGE_SIZE=bound).code == code

    @pytest.mark.parametrize("size", [-GIBIBYTE, 0.5, 1e300, "1", None, True])
    def test_a_size_that_is_none_is_refused(self, sandbox: Sandbox, size: object) -> None:
        refused(sandbox, copy(sandbox, found=manifest(layer(3 * GIBIBYTE), layer(size))))


class TestPlatform:
    """The one that the settings name, or the one of the node that this runs on."""

    @pytest.mark.parametrize(("machine", "architecture"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("s390x", "s390x")])
    def test_it_is_that_of_the_node(self, sandbox: Sandbox, machine: str, architecture: str) -> None:
        config = CONFIG | {"architecture": architecture}
        assert copy(sandbox, machine=machine, config=config).code == 0
        (sandbox.root / "image").unlink()
        (sandbox.root / "calls").unlink()
        reason = refused(sandbox, copy(sandbox, machine=machine, config=CONFIG | {"architecture": "mips"}))
        assert reason == f"the image is for linux/mips, and linux/{architecture} is needed (build.platform)"

    @pytest.mark.parametrize(
        ("platform", "config", "code"),
        [
            ("linux/arm64", {"architecture": "arm64"}, 0),
            ("linux/arm64", {"architecture": "arm64", "variant": "v8"}, 0),
            ("linux/arm/v7", {"architecture": "arm", "variant": "v7"}, 0),
            ("linux/arm/v7", {"architecture": "arm", "variant": "v6"}, 1),
            ("linux/arm/v7", {"architecture": "arm"}, 1),
            ("linux/arm64", {}, 1),
            ("linux/amd64", {"os": "windows"}, 1),
            ("linux/amd64", {"os": None}, 1),
            ("linux/amd64", {"os": ["linux"]}, 1),
            ("linux/amd64", {"OS": "windows"}, 1),
            ("linux/amd64", {"Architecture": "arm64"}, 1),
            ("linux/amd64", {"o\u017f": "windows"}, 1),
            ("linux/amd64", {"created": "2026-11-26T00:00:00Z", "docker_version": "27.0"}, 0),
        ],
    )
    def test_it_is_the_one_of_the_settings(
        self, sandbox: Sandbox, platform: str, config: dict[str, object], code: int
    ) -> None:
        result = copy(sandbox, config=CONFIG | config, PLATFORM=platform)
        assert result.code == code, result.err
        if code:
            refused(sandbox, result)

    @pytest.mark.parametrize("text", ["", "[]", "null", json.dumps(CONFIG) * 2])
    def test_without_a_configuration_it_is_refused(self, sandbox: Sandbox, text: str) -> None:
        refused(sandbox, copy(sandbox, config=text))
