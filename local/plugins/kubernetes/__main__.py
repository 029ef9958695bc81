"""Entry point: `python -m local.plugins.kubernetes <engine address>`."""

from local.plugins.kubernetes.provider import KubernetesProvider
from local.plugins.server import serve

if __name__ == "__main__":
    serve(KubernetesProvider)
