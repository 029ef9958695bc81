"""Whether the cluster, the registries and the forge are as a stack needs them: `python -m operate doctor STACK`."""
