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
    "moved": {"forge-git", "forge-api"},
    "begin": {"forge-api"},
    "announce": {"forge-api"},
    "report": {"forge-api"},
    "permit": {"forge-api"},
    "image": {"quarantine"},
    "needed": {"forge-git"},
    "stage": {"forge-git", "quarantine", "registry"},
    "sign": {"registry"},
    "promote": {"forge-git", "source"},
    "prove": {"forge-git", "source"},
    "clean": {"quarantine", "registry", "forge-api"},
    "proof": {"registry"},
}


def believing(task: Manifest, tls: Collection[str]) -> Manifest:
    """Return a Task's spec whose steps that speak with one of `tls` (as in SPEAKS_WITH) believe the stack's bundle."""
    met = [(step, _speaks_with(step) & set(tls)) for step in task["steps"]]
    steps = [_believing(step, peers) if peers else step for step, peers in met]
    if steps == task["steps"]:
        return task
    volume = {"name": CA_BUNDLE, "configMap": {"name": CA_BUNDLE}}
    return task | {"volumes": [*task["volumes"], volume], "steps": steps}


def believes(task: Manifest) -> bool:
    """Return whether any step of a Task does."""
    return any(volume["name"] == CA_BUNDLE for volume in task["volumes"])


def _speaks_with(step: Manifest) -> set[str]:
    copies = any(entry["name"] == "SOURCE_CONFIG" for entry in step["env"])
    return SPEAKS_WITH.get(step["name"], set()) | ({"registry"} if copies else set())


def _believing(step: Manifest, peers: Collection[str]) -> Manifest:
    env = {"CA_BUNDLE": f"{PATH}/{FILE}", "SYSTEM_CERTIFICATES": SYSTEM, "TRUSTED": TRUSTED}
    if "script" in step:
        told: Manifest = {"script": preceded(step["script"], "trust.sh")}
    else:
        told = {}
        env["BELIEVED_OF"] = "\n".join(sorted(peers))
    return (
        step
        | told
        | {
            "env": [*step["env"], *(variable(name, value) for name, value in env.items())],
            "volumeMounts": [*step.get("volumeMounts", []), mount(CA_BUNDLE, PATH, read_only=True)],
        }
    )
