"""What the forge is told that no delivery depends on: it may be slow, or refuse it, and the token may be one that only sets
statuses."""

from collections.abc import Callable
from dataclasses import replace

from steps.forge import Api, Forge, ForgeError
from steps.result import warn


def tell(api: Api, rights: str, write: Callable[[Forge], None], *, undone: str, mend: str) -> bool | None:
    """Let `write` tell the forge, and return whether that is done; None where it is of no use to try again later.

    `rights` are what a GitHub App's token for it may do. `undone` says that it is not done, `mend` what to do where the
    token may not.
    """
    app = replace(api.app, rights=rights) if api.app else None
    try:
        with Forge(replace(api, app=app), hurried=True) as forge:
            write(forge)
    except ForgeError as error:
        warn(f"{error}")
        warn(f"{undone}: {mend}" if error.forbids and not error.passing else undone)
        return False if error.passing else None
    return True
