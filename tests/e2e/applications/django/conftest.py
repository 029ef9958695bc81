import pytest


@pytest.fixture(autouse=True)
def plain_static_files(settings) -> None:
    """Tests run without `collectstatic`, which writes the manifest."""
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}
