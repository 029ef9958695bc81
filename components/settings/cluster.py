"""Where a stack lives."""

from pydantic import Field

from components.settings.types import Model


class Cluster(Model):
    """The cluster of a stack. Without `kubeconfig` the usual one applies ($KUBECONFIG, ~/.kube/config, in-cluster)."""

    kubeconfig: str | None = Field(
        default=None, description="path of a kubeconfig file, relative to the project", examples=["~/.kube/config"]
    )
    context: str | None = Field(
        default=None, description="a context of that kubeconfig; default its current one", examples=["kind-kind"]
    )
