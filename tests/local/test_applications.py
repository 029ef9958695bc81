"""The applications beside the sample: what stack files say of them, their base images, and what the way out leads to."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from proxy.http.exception import HttpRequestRejected

from images import bases
from local import applications
from local.applications import APPLICATIONS, Application, way_out
from local.machine import Machine
from local.pulumi_stacks import STACKS, altered
from offline.render import refusal

MACHINE = cast("Machine", SimpleNamespace(cluster=SimpleNamespace(node_ip="10.199.0.2")))


@pytest.mark.parametrize("stack", STACKS)
def test_stack_files_take_all_of_them(stack: str, tmp_path: Path) -> None:
    change = applications.settings(MACHINE, APPLICATIONS.values(), stack)
    assert refusal(altered(stack, tmp_path, change)) is None

    def wrong(settings: dict[str, Any]) -> None:
        change(settings)
        settings["applications"][-1]["healthpath"] = "/healthz"

    assert "healthpath" in (refusal(altered(stack, tmp_path, wrong)) or ""), "the control"


@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
def test_every_image_that_a_dockerfile_names_is_made(application: Application) -> None:
    dockerfile = application.files()["Dockerfile"].decode()
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.M)) | {"scratch"}
    named = set(re.findall(r"^FROM (\S+)", dockerfile, re.M)) - stages
    assert named
    assert named <= {f"{name}:{tag}" for name in application.bases for tag in bases.BASE_IMAGES[name].tags}


@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
def test_the_heading_is_what_a_pull_request_changes(application: Application) -> None:
    ((path, text),) = application.headed("Something else").items()
    assert application.files()[path].decode() == text.replace("Something else", application.title)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.199.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "172.20.0.1"])
def test_the_way_out_leads_to_no_address_around_the_machine(address: str) -> None:
    assert not way_out.public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "172.32.0.1", "203.0.113.80"])
def test_the_way_out_leads_to_public_addresses(address: str) -> None:
    assert way_out.public(address)


@pytest.mark.parametrize(("host", "port", "status"), [("127.0.0.1", 443, 403), ("1.1.1.1", 22, 403), ("1.1.1.1", 443, None)])
def test_the_way_out_is_for_the_web(host: str, port: int, status: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[Path] = []
    monkeypatch.setattr(way_out.network, "enter", entered.append)
    monkeypatch.setenv(way_out.OUTSIDE, "/outside")
    plugin = object.__new__(way_out.WayOut)
    if status is None:
        assert plugin.resolve_dns(host, port) == (host, None)
    else:
        with pytest.raises(HttpRequestRejected) as refused:
            plugin.resolve_dns(host, port)
        assert refused.value.status_code == status
    assert entered == [Path("/outside")]
