"""From settings to what opens the forge's API."""

from components.conventions import FORGE_APP, FORGE_READER, FORGE_TOKEN
from components.settings.forge import Forge, OkToTest
from components.tasks.forge import Api, App


def told(forge: Forge) -> Api:
    """Return how commit statuses are said."""
    if forge.app is None:
        return Api(url=forge.api_url, secret=FORGE_TOKEN)
    return Api(url=forge.api_url, secret=FORGE_APP, app=App(id=forge.app.id, installation=forge.app.installation_id))


def asked(forge: Forge, ok_to_test: OkToTest) -> Api:
    """Return how the forge is asked who may write."""
    return Api(url=forge.api_url, secret=FORGE_READER) if ok_to_test.token else told(forge)
