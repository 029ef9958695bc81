"""A stack's own certificate authorities: trusted by the steps that speak TLS with the forge or a registry, by no others."""

from collections.abc import Collection

from components.conventions import CA_BUNDLE, Manifest
from components.credential import BY_VOLUME
from components.tasks.step import SCRATCH, mount, preceded, variable

PATH = "/certificates"
# The key in the ConfigMap.
FILE = "ca.crt"
# What the tools image trusts by itself.
SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
# Both together.
TRUSTED = f"{SCRATCH}/trusted.crt"


def speaks_with(step: Manifest) -> set[str]:
    """Return where a step gets in, by what it mounts, and where it fetches, which takes no credential everywhere."""
    mounted = [mounted["name"] for mounted in step.get("volumeMounts", [])]
    fetches = any(variable.get("value") == "$(params.repository-url)" for variable in step["env"])
    opened = {there for name in mounted if name in BY_VOLUME for there in BY_VOLUME[name].opens}
    return opened | ({"forge-git"} if fetches else set())


def with_authorities(task: Manifest, tls: Collection[str]) -> Manifest:
    """Return a Task's spec whose steps that speak with one of `tls`, destinations, trust the stack's bundle."""
    met = [(step, speaks_with(step) & set(tls)) for step in task["steps"]]
    steps = [_with_authorities(step, peers) if peers else step for step, peers in met]
    if steps == task["steps"]:
        return task
    volume = {"name": CA_BUNDLE, "configMap": {"name": CA_BUNDLE}}
    return task | {"volumes": [*task["volumes"], volume], "steps": steps}


def has_authorities(task: Manifest) -> bool:
    """Return whether any step of a Task does."""
    return any(volume["name"] == CA_BUNDLE for volume in task["volumes"])


def _with_authorities(step: Manifest, peers: Collection[str]) -> Manifest:
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
