"""A stack's own certificate authorities: believed by the steps that speak TLS with the forge or a registry, by no others."""

from collections.abc import Collection

from components.conventions import CA_BUNDLE, Manifest
from components.tasks.step import SCRATCH, mount, preceded, variable

PATH = "/certificates"
# The key in the ConfigMap.
FILE = "ca.crt"
# What the tools image believes by itself.
SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
# Both together.
TRUSTED = f"{SCRATCH}/trusted.crt"

# What steps speak with. Where images are not promoted from a registry of their own, `source` is `registry`.
SPEAKS_WITH = {
    "fetch": {"forge-git"},
    "commits": {"forge-git"},
    "moved": {"forge-git", "forge-api"},
    "begin": {"forge-api"},
    "announce": {"forge-api"},
    "report": {"forge-api"},
    "permit": {"forge-api"},
    "image": {"quarantine"},
    "copy": {"quarantine", "registry"},
    "sign": {"registry"},
    "clean": {"quarantine", "registry", "forge-api"},
    "prove": {"source"},
    "import": {"source", "registry"},
    "prove-copy": {"registry"},
    "proof": {"registry"},
}


def believing(task: Manifest, tls: Collection[str]) -> Manifest:
    """Return a Task's spec whose steps that speak with one of `tls` (as in SPEAKS_WITH) believe the stack's bundle."""
    steps = [_believing(step, SPEAKS_WITH.get(step["name"], set()) & set(tls)) for step in task["steps"]]
    if steps == task["steps"]:
        return task
    volume = {"name": CA_BUNDLE, "configMap": {"name": CA_BUNDLE}}
    return task | {"volumes": [*task["volumes"], volume], "steps": steps}


def believes(task: Manifest) -> bool:
    """Return whether any step of a Task does."""
    return any(volume["name"] == CA_BUNDLE for volume in task["volumes"])


def _believing(step: Manifest, peers: Collection[str]) -> Manifest:
    if not peers:
        return step
    env = {"CA_BUNDLE": f"{PATH}/{FILE}", "SYSTEM_CERTIFICATES": SYSTEM, "TRUSTED": TRUSTED}
    if "script" in step:
        step = step | {"script": preceded(step["script"], "trust.sh")}
    else:
        env["BELIEVED_OF"] = "\n".join(sorted(peers))
    return step | {
        "env": [*step["env"], *(variable(name, value) for name, value in env.items())],
        "volumeMounts": [*step.get("volumeMounts", []), mount(CA_BUNDLE, PATH, read_only=True)],
    }
