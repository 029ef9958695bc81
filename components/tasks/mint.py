"""What the minter runs: a step like those of Tasks, which no run has."""

from collections.abc import Collection

from components.conventions import Manifest
from components.credential import BASIC_AUTH
from components.tasks import forge, python
from components.tasks.git import token_key
from components.tasks.step import API_TOKEN_PATH, SCRATCH, api_token, mount

NAME = "mint"
READY = f"{SCRATCH}/ready"
# There for as long as the pod is.
_TOLD = f"{SCRATCH}/told"


def spec(*, namespace: str, api: forge.Api, repositories: Collection[str]) -> Manifest:
    """Return its one step, and the volumes of it."""
    about = {name: value for name, value in forge.env(api, forge.CONTENTS).items() if name != "PARAM_REPOSITORY"}
    env = about | {
        "NAMESPACE": namespace,
        "MINTED_INTO": BASIC_AUTH.secret,
        "MINTED_REPOSITORIES": "\n".join(f"{repository} {token_key(repository)}" for repository in repositories),
        "READY_FILE": READY,
        "TOLD_FILE": _TOLD,
        "API_ACCESS": API_TOKEN_PATH,
    }
    token = mount("kubernetes-api", API_TOKEN_PATH, read_only=True)
    return {
        "volumes": [forge.volume(api), api_token("kubernetes-api")],
        "steps": [python.step(NAME, env=env, mounts=[forge.credential(api), token])],
    }
