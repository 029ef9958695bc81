"""Serves the pack to Pulumi's engine: `pulumi preview --policy-pack policy`."""

import sys
from pathlib import Path

# Pulumi runs this folder as a program, and the package is this folder.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pulumi_policy import EnforcementLevel, PolicyPack

from policy.pack import POLICIES

PolicyPack("tekton-delivery", policies=POLICIES, enforcement_level=EnforcementLevel.MANDATORY)
