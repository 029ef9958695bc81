"""The way from a host name outside the cluster to a Service: an Ingress, or an HTTPRoute of a Gateway."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.apiextensions import CustomResource

from components.conventions import Manifest
from components.settings.exposure import Exposure, Gateway, Ingress

GATEWAY = "gateway.networking.k8s.io/v1"
# Forges send up to 25 MB, and ingress-nginx lets 1 MB pass unless told otherwise. Traefik and HAProxy have no such limit.
BODY_LIMITS = {"nginx": {"nginx.ingress.kubernetes.io/proxy-body-size": "25m"}}
CLUSTER_ISSUER = "cert-manager.io/cluster-issuer"


def expose(
    name: str,
    host: str,
    exposure: Exposure,
    metadata: Mapping[str, pulumi.Input[object]],
    port: int,
    opts: pulumi.ResourceOptions,
) -> None:
    """Lead a host name to a port of the Service of the same name as `metadata`'s."""
    service = str(metadata["name"])
    if exposure.gateway:
        spec = route_spec(host, exposure.gateway, service, port)
        CustomResource(name, api_version=GATEWAY, kind="HTTPRoute", metadata=dict(metadata), spec=spec, opts=opts)
        return
    ingress = exposure.ingress
    assert ingress, "the model demands one of the two"
    notes = {
        # Whether a load balancer has an address is its controller's business; `pulumi up` does not wait for it.
        "pulumi.com/skipAwait": "true",
        **({CLUSTER_ISSUER: ingress.cluster_issuer} if ingress.cluster_issuer else {}),
        **ingress.annotations,
    }
    k8s.networking.v1.Ingress(
        name,
        metadata=dict(metadata) | {"annotations": notes},
        spec=ingress_spec(host, ingress, service, port),
        opts=opts,
    )


def ingress_spec(host: str, ingress: Ingress, service: str, port: int) -> Manifest:
    """Return the spec of an Ingress."""
    secret = ingress.secret(service)
    backend = {"service": {"name": service, "port": {"number": port}}}
    return {
        "ingressClassName": ingress.class_name,
        "tls": [{"hosts": [host]} | ({"secretName": secret} if secret else {})],
        "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
    }


def route_spec(host: str, gateway: Gateway, service: str, port: int) -> Manifest:
    """Return the spec of an HTTPRoute."""
    parent = {"name": gateway.name, "namespace": gateway.namespace}
    return {
        "parentRefs": [parent | ({"sectionName": gateway.section} if gateway.section else {})],
        "hostnames": [host],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": service, "port": port}],
            }
        ],
    }
