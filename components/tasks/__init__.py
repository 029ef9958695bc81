"""Tekton Tasks: one module a Task; what its steps run are the files in `scripts/`."""
