"""Where a stack lives."""

from pydantic import Field

from components.settings import types as form
from components.settings.types import Model


class Cluster(Model):
    """The cluster of a stack. Without `kubeconfig` the usual one applies ($KUBECONFIG, ~/.kube/config, in-cluster)."""

    kubeconfig: form.FilePath | None = Field(
        default=None,
        description="path of a kubeconfig file, relative to the project",
        examples=["~/.kube/config"],
        repr=False,  # somebody may put its content here
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
        description="ranges of the cluster's or the company's own that nothing leads to but `addresses` which name them: "
        "nodes with public addresses; pods and Services, where an opening leads to every private address",
        examples=[["198.51.100.0/24"]],
    )
