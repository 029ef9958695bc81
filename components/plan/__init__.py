"""From settings to the arguments of components: the one place that reads a stack's settings and resolves its sources."""
