"""A cluster's Tekton. No other stack owns anything of it, so none takes it along when it is destroyed."""

import sys
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

# Pulumi puts the program's folder on the path, not the folder of the package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tekton import design, manifests
from tekton.installation import Installation
from tekton.settings import Settings, SettingsError, load


def main(settings: Settings | None = None) -> None:
    """Declare Tekton."""
    settings = settings or load()
    declared = manifests.read(settings.releases, settings.image_names)
    # What exists is taken over as declared, field by field; the owners of other fields, such as a webhook's certificate,
    # keep theirs.
    adopting = {"upsert_existing_objects": True, "enable_patch_force": True} if settings.adopt else {}
    provider = k8s.Provider("cluster", **settings.cluster.provider, **adopting)
    Installation(
        "tekton",
        [design.fit(manifest, settings.controller) for manifest in declared],
        pulumi.ResourceOptions(provider=provider, protect=settings.protect),
    )
    pulumi.export("pipelines", settings.pipelines.version)
    pulumi.export("triggers", settings.triggers.version)


if __name__ == "__main__":
    try:
        main()
    except SettingsError as error:
        pulumi.log.error(str(error))
        raise SystemExit(1) from None
