"""Steps of trusted pods: Python, one process each, of the modules in `steps/` that sources.py brings to the pod."""

from collections.abc import Mapping, Sequence

from components import sources
from components.conventions import SCRATCH_SIZE, Manifest
from components.tasks.step import container

# Reads the modules once, sees that they are those of the digest, and runs the step that is named from what it has read.
LOADER = f"""\
import hashlib, json, os, sys
from importlib.machinery import ModuleSpec

folder, (step, digest) = "{sources.FOLDER}", sys.argv[1:3]
files = {{}}
for name in os.listdir(folder) if os.path.isdir(folder) else ():
    if name.endswith(".py"):
        with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
            files[name] = file.read()
if hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest() != digest:
    sys.exit("error: `pulumi up` has replaced the program since this run began; start the run again")
modules = {{"steps." + name.removesuffix(".py"): text for name, text in files.items()}}
modules["steps"] = modules.pop("steps.__init__")


class Loader:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self, is_package=name == "steps") if name in modules else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(modules[module.__name__], module.__name__, "exec"), module.__dict__)

    def get_source(self, name):
        return modules[name]


sys.meta_path.append(Loader())
from steps.__main__ import main

sys.exit(main([step]))
"""

# Nothing of the working directory, of a user's folder or of an installed package is imported, and nothing is written.
COMMAND = ("python3", "-I", "-S", "-B", "-u", "-c", LOADER)


def arguments(name: str) -> list[str]:
    """Return what the command is told: the step's name, and the digest of what it runs."""
    return [name, sources.digest()]


def step(
    name: str,
    *,
    env: Mapping[str, str],
    runs: str | None = None,
    mounts: Sequence[Manifest] = (),
    cpu: str = "2",
    memory: str = "256Mi",
    ephemeral_storage: str = SCRATCH_SIZE,
    workspaces: Sequence[Manifest] = (),
) -> Manifest:
    """Return a step that runs the module of `steps/` that is called as it, or the one named."""
    rest = container(
        name,
        env=env,
        mounts=[*mounts, sources.MOUNT],
        cpu=cpu,
        memory=memory,
        ephemeral_storage=ephemeral_storage,
        workspaces=workspaces,
    )
    return {"name": name, "command": list(COMMAND), "args": arguments(runs or name)} | rest
