"""Applications in frameworks that people use, beside the sample, and what they need of the embedded default."""

from local.applications.applications import APPLICATIONS, Application, bring_up, ensure, remove_databases, settings

__all__ = ["APPLICATIONS", "Application", "bring_up", "ensure", "remove_databases", "settings"]
