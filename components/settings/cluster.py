"""Where a stack lives."""

from pydantic import Field

from components.settings import types as form
from components.settings.types import Model


class Dns(Model):
    """The cluster's name service, as the pods that ask it find it."""

    namespace: form.NamespaceName = Field(
        default="kube-system", description="where its pods run", examples=["openshift-dns"]
    )
    port: form.Port = Field(
        default=53, description="where its pods listen; port 53 of their Service is open in any case", examples=[5353]
    )
    addresses: list[form.Resolver] = Field(
        default_factory=list,
        description="resolvers on the node or elsewhere, which no label of a pod tells, on port 53 alone: NodeLocal "
        "DNSCache and, since it answers there too, the Service that it stands before",
        examples=[["169.254.20.10", "10.96.0.10"]],
    )


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
    api_server_ports: list[form.Port] = Field(
        default_factory=lambda: [443, 6443],
        min_length=1,
        description="the ports of that Service and of what is behind it: a network plugin judges a packet before or after "
        "the first has become the second",
        examples=[[443, 8443]],
    )
    own_addresses: list[form.AddressRange] = Field(
        default_factory=list,
        description="ranges of the cluster's or the company's own that nothing leads to but `addresses` which name them: "
        "nodes with public addresses; pods and Services, where an opening leads to every private address",
        examples=[["198.51.100.0/24"]],
    )
    dns: Dns = Field(default_factory=Dns, description="the name service")
    tekton_namespace: form.NamespaceName = Field(
        default="tekton-pipelines",
        description="where the interceptors of Tekton Triggers run, which listeners ask",
        examples=["openshift-pipelines"],
    )
