"""What people do to an environment by hand: look back, roll back, hold, freeze, approve, try again.

It needs a kubeconfig and the rights that docs/operating.md lists, and nothing else of this project in the cluster's reach.
"""
