"""Objects as the API server has them."""

import time
from typing import Any

Object = dict[str, Any]


def deployment(image: str, notes: dict[str, str] | None = None, version: int = 1) -> Object:
    """A Deployment with a second container, which nobody may touch."""
    containers = [{"name": "sidecar", "image": "sidecar"}, {"name": "app", "image": image}]
    return {
        "metadata": {"resourceVersion": str(version), "annotations": notes or {}, "generation": 1},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


def lease(holder: str, age: int, seconds: int = 150, longest: int | None = None) -> Object:
    """A Lease that somebody took a while ago; `longest` is what the stack says."""
    renewed = time.strftime("%Y-%m-%dT%H:%M:%S.123456Z", time.gmtime(time.time() - age))
    spec = {"holderIdentity": holder, "renewTime": renewed, "acquireTime": renewed, "leaseDurationSeconds": seconds}
    notes = {"annotations": {"tekton-delivery/lease-seconds": str(longest)}} if longest else {}
    return {"metadata": {"resourceVersion": "7"} | notes, "spec": spec}
