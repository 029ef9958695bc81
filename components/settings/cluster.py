"""Where a stack lives."""

from pydantic import Field

from components.settings import types as form
from components.settings.types import Model


class Cluster(Model):
    """The cluster of a stack. Without `kubeconfig` the usual one applies ($KUBECONFIG, ~/.kube/config, in-cluster)."""

    kubeconfig: str | None = Field(
        default=None, description="path of a kubeconfig file, relative to the project", examples=["~/.kube/config"]
    )
    context: str | None = Field(
        default=None, description="a context of that kubeconfig; default its current one", examples=["kind-kind"]
    )
    api_server_addresses: list[form.AddressRange] = Field(
        default_factory=list,
        description="where pods reach the API server: the Service `kubernetes` and what is behind it; "
        "default every address but link-local ones and their like",
        examples=[["10.96.0.1/32", "10.20.0.0/24"]],
    )
    own_addresses: list[form.AddressRange] = Field(
        default_factory=list,
        description="ranges of the cluster or the company among the public addresses; closed as private ones are, unless "
        "`addresses` of a host names them",
        examples=[["198.51.100.0/24"]],
    )
