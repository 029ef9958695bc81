"""How a host name outside the cluster leads to a Service inside it."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from components.settings import types as form
from components.settings.types import Model


class Ingress(Model):
    """An Ingress, with TLS. Without `tlsSecret` and `clusterIssuer` the controller's own certificate answers."""

    class_name: form.ObjectName = Field(description="the IngressClass", examples=["nginx"])
    tls_secret: form.ObjectName | None = Field(
        default=None,
        description="a Secret beside the Service, with a certificate for the host; default `<service>-tls` with "
        "`clusterIssuer`, else none",
        examples=["wildcard-tls"],
    )
    cluster_issuer: form.ObjectName | None = Field(
        default=None, description="cert-manager's ClusterIssuer, which makes that Secret", examples=["letsencrypt"]
    )
    annotations: dict[form.AnnotationName, form.Line] = Field(
        default_factory=dict,
        description="what the controller is told beside",
        examples=[{"nginx.ingress.kubernetes.io/limit-rps": "10"}],
    )

    def secret(self, service: str) -> str | None:
        """Return the Secret with the certificate for a Service's host, where there is one."""
        return self.tls_secret or (f"{service}-tls" if self.cluster_issuer else None)


class Gateway(Model):
    """An HTTPRoute of a Gateway, whose own listener ends TLS. The Gateway has to allow routes from the environment."""

    name: form.ObjectName = Field(description="the Gateway", examples=["public"])
    namespace: form.ObjectName = Field(description="where it is", examples=["gateways"])
    section: form.ObjectName | None = Field(default=None, description="one listener of it; default all", examples=["https"])


class Exposure(Model):
    """The way from outside: one of the two."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["ingress"]}, {"required": ["gateway"]}]})

    ingress: Ingress | None = Field(default=None, description="by an Ingress")
    gateway: Gateway | None = Field(default=None, description="by the Gateway API")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.ingress is None) == (self.gateway is None):
            raise ValueError("a mapping with either `ingress` or `gateway`")
        return self


class ListenerExposure(Exposure):
    """Where the forge reaches the listener."""

    host: form.HostName = Field(description="the host name of the webhook's URL", examples=["hooks.example.com"])
