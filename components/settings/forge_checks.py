"""What settings of the forge mean for each other and for the repositories. Each mistake is one line, as in `checks`."""

import json
from collections.abc import Iterator

from components.settings.errors import path
from components.settings.settings import Settings


def forge_inconsistencies(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting of the forge that contradicts another one."""
    forge = settings.forge
    if forge.token is None and forge.app is None:
        yield (
            f"{path(('forge',))}: needs a token or a GitHub App to set commit statuses; "
            "add `token: {file: secrets/forge-token}`, or `app` with `id`, `installationId` and `privateKey`"
        )
    if forge.ok_to_test and forge.ok_to_test.token is None and forge.app is None:
        yield (
            f"{path(('forge', 'okToTest', 'token'))}: missing; add `token: {{file: secrets/forge-reader-token}}` "
            "(only with `forge.app` it may be left out)"
        )
    if forge.app is None:
        return
    where = path(("forge", "app"))
    if forge.token:
        yield f"{where}: stands beside `token`, and only one of them is used; remove one"
    if forge.kind != "github":
        yield f'{where}: `kind` is "{forge.kind}", and only GitHub knows Apps; give `token` instead'
    first, *others = (application.repository for application in settings.applications)
    for index, repository in enumerate(others, 1):
        if _owner(repository) != _owner(first):
            place = path(("applications", index, "repository"))
            yield (
                f"{place} = {json.dumps(repository)}: belongs to another owner than {first}, and `forge.app` names "
                "one owner's installation; move the application to a stack of its own, or give `forge.token`"
            )


def _owner(repository: str) -> str:
    return repository.partition("/")[0].lower()
