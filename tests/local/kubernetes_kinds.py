"""Kinds of objects that the tests of the stand-in for kubernetes are about."""

from local.plugins.kubernetes.kinds import Kind

DEPLOYMENT = Kind("apps/v1", "Deployment")
SECRET = Kind("v1", "Secret")
CONFIG_MAP = Kind("v1", "ConfigMap")
