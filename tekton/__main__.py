"""A cluster's Tekton. No other stack owns anything of it, so none takes it along when it is destroyed."""

import inspect
import sys
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

# Pulumi puts the program's folder on the path, not the folder of the package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tekton import design, manifests
from tekton.installation import Installation
from tekton.profile import SeccompProfile
from tekton.settings import Settings, SettingsError, load

UPSERT = "upsert_existing_objects"


def main(settings: Settings | None = None) -> None:
    """Declare Tekton."""
    settings = settings or load()
    declared = manifests.read(settings.releases, settings.image_names)
    # Providers before 4.29 take over what exists without being asked, and know no such option.
    asked = UPSERT in inspect.signature(k8s.Provider._internal_init).parameters
    provider = k8s.Provider("cluster", **settings.cluster.provider, **({UPSERT: True} if settings.adopt and asked else {}))
    fitting = (design.fit(manifest, settings.controller) for manifest in declared)
    options = pulumi.ResourceOptions(provider=provider, protect=settings.protect)
    Installation("tekton", [design.adopted(manifest) if settings.adopt else manifest for manifest in fitting], options)
    if settings.seccomp_profile:
        # It holds nothing that anybody could miss.
        SeccompProfile(settings.seccomp_profile, pulumi.ResourceOptions(provider=provider))
    pulumi.export("pipelines", settings.pipelines.version)
    pulumi.export("triggers", settings.triggers.version)


if __name__ == "__main__":
    try:
        main()
    except SettingsError as error:
        pulumi.log.error(str(error))
        raise SystemExit(1) from None
