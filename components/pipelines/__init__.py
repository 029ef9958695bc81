"""Tekton Pipelines: what happens on a pull request, and on its merge."""
