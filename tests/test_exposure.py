"""Host names: an Ingress or an HTTPRoute, with TLS in each case."""

import json
from pathlib import Path

import pulumi
import pytest
from jsonschema import Draft202012Validator

from components.exposure import expose, ingress_spec
from components.settings.exposure import Exposure, Gateway, Ingress
from tests.support import Declared, Object, declare

METADATA = {"name": "shop", "namespace": "staging", "labels": {}}


def exposed(by: Ingress | Gateway) -> Declared:
    way = Exposure(ingress=by) if isinstance(by, Ingress) else Exposure(gateway=by)
    return declare(lambda: expose("way", "shop.example", way, METADATA, 80, pulumi.ResourceOptions()))


@pytest.mark.parametrize(
    ("ingress", "expected"),
    [
        (Ingress(class_name="nginx"), {"hosts": ["shop.example"]}),
        (Ingress(class_name="nginx", tls_secret="own"), {"hosts": ["shop.example"], "secretName": "own"}),
        (Ingress(class_name="nginx", cluster_issuer="ca"), {"hosts": ["shop.example"], "secretName": "shop-tls"}),
    ],
    ids=["the controller's certificate", "a certificate of one's own", "cert-manager's"],
)
def test_an_ingress_always_asks_for_tls(ingress: Ingress, expected: Object) -> None:
    assert ingress_spec("shop.example", ingress, "shop", 80)["tls"] == [expected]


def test_an_ingress_leads_every_path_to_the_service() -> None:
    (rule,) = exposed(Ingress(class_name="nginx")).one("Ingress", "shop", "staging")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (rule["host"], path["path"], path["pathType"]) == ("shop.example", "/", "Prefix")
    assert path["backend"] == {"service": {"name": "shop", "port": {"number": 80}}}


def test_a_route_names_its_gateway_and_the_service() -> None:
    spec = exposed(Gateway(name="public", namespace="gateways")).one("HTTPRoute", "shop", "staging")["spec"]
    assert spec["parentRefs"] == [{"name": "public", "namespace": "gateways"}]
    assert spec["hostnames"] == ["shop.example"]
    assert spec["rules"][0]["backendRefs"] == [{"name": "shop", "port": 80}]


def problems(route: Object) -> list[str]:
    schema = json.loads((Path(__file__).parent / "fixtures" / "gateway" / "HTTPRoute.json").read_text())
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(route)]


@pytest.mark.parametrize("section", [None, "https"])
def test_a_route_fits_the_schema_of_the_gateway_api(section: str | None) -> None:
    route = exposed(Gateway(name="public", namespace="gateways", section=section)).one("HTTPRoute")
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert problems(route) == []
    route["spec"]["parentRefs"][0]["listener"] = "https"
    assert len(problems(route)) == 1, "the control: a field that it does not know"
