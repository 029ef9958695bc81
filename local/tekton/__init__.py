"""Tekton itself on the embedded cluster: Pipelines and Triggers, from the pinned modules' own manifests."""
