"""From settings to the arguments of the build Task."""

from components import git_plan
from components.settings.build import Build, Proxy
from components.settings.forge import Forge
from components.tasks.build import BuildTaskArgs, Claim, Limits

# What is never asked of a proxy: the pod itself and the cluster's Services.
INSIDE = ("localhost", "127.0.0.1", ".svc", ".cluster.local")


def build_task(build: Build, forge: Forge) -> BuildTaskArgs:
    """Return what differs between installations."""
    storage = build.storage
    return BuildTaskArgs(
        git=git_plan.git(forge),
        quarantine_insecure=build.quarantine.insecure,
        seccomp_profile=build.seccomp_profile,
        test=Limits(cpu=build.test_resources.cpu, memory=build.test_resources.memory),
        image=Limits(cpu=build.image_resources.cpu, memory=build.image_resources.memory),
        proxy=proxy_env(build.proxy, build.quarantine.host) if build.proxy else {},
        memory_storage=storage.memory if storage else None,
        claim=Claim(size=storage.volume.size, class_name=storage.volume.class_name) if storage and storage.volume else None,
    )


def proxy_env(proxy: Proxy, quarantine: str) -> dict[str, str]:
    """Return the variables by which clients find the proxy. Some read the names in capitals only, some in small letters."""
    direct = ",".join([*INSIDE, quarantine.split(":")[0], *proxy.except_for])
    named = {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url, "NO_PROXY": direct}
    return named | {name.lower(): value for name, value in named.items()}
