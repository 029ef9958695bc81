"""Tekton Pipelines and Triggers as a stack of their own: installed, or adopted where they run, at a chosen version."""
