"""The embedded one-node Kubernetes cluster."""

from local.cluster.cluster import Cluster

__all__ = ["Cluster"]
