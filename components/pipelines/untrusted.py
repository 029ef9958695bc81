"""How a pod with pull-request code runs, whichever pipeline it belongs to."""

from components.conventions import Manifest

# Uid 0 of such a pod is an unprivileged user of the node.
POD: Manifest = {"automountServiceAccountToken": False, "hostUsers": False, "enableServiceLinks": False}
