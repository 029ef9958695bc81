"""From settings to which steps trust the stack's own certificate authorities."""

import re
from collections.abc import Mapping

from components.conventions import Manifest
from components.settings.settings import Settings
from components.settings.stack import Stack
from components.tasks import trust


def with_authorities(stack: Stack, tasks: Mapping[str, Manifest]) -> dict[str, Manifest]:
    """Return the Tasks of an environment with the authorities in those steps that meet their certificates."""
    if stack.settings.ca_bundle is None:
        return dict(tasks)
    return {name: trust.with_authorities(spec, _tls(stack.settings)) for name, spec in tasks.items()}


def bundle(stack: Stack, tasks: Mapping[str, Manifest]) -> str | None:
    """Return what those Tasks mount, PEM; None where none of them does."""
    settings = stack.settings
    mounted = any(map(trust.has_authorities, tasks.values()))
    if not settings.ca_bundle or not mounted:
        return None
    # What reads PEM passes over a certificate that does not begin a line.
    return re.sub(r"(?<=.)(?=-----BEGIN )", "\n", stack.text(settings.ca_bundle).strip()) + "\n"


def _tls(settings: Settings) -> set[str]:
    """Return with what TLS is spoken. Of a registry that is `insecure` no certificate is looked at."""
    build, source = settings.build, settings.source_registry or settings.registry
    urls = {
        "forge-git": settings.forge.git_url,
        "forge-api": settings.forge.api_url,
        "registry": settings.registry.url,
        "source": source.url,
        "quarantine": build.quarantine.url if build else "",
        # They come from anywhere, and so do the packages of a RUN: either may meet a company's certificate.
        "base-images": "https://",
    }
    return {name for name, url in urls.items() if url.startswith("https://")}
