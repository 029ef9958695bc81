"""Whether a Deployment runs that deliveries hang on."""

from operate.doctor.api import Api, RefusedError
from operate.doctor.rows import Row, fine, unknown, wrong


def available(api: Api, namespace: str, name: str, what: str, absent: Row, mend: str) -> Row:
    """Return whether a Deployment has an available pod: `absent` where it is not there, `mend` for one that has none."""
    try:
        found = api.find(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    except RefusedError as error:
        return unknown(what, str(error))
    if found is None:
        return absent
    if not (found.get("status") or {}).get("availableReplicas"):
        return wrong(what, "none of its pods is available", mend)
    return fine(what)
