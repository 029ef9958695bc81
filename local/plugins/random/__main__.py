"""Entry point: `python -m local.plugins.random <engine address>`."""

from local.plugins.random.provider import RandomProvider
from local.plugins.server import serve

if __name__ == "__main__":
    serve(RandomProvider)
