"""What the pods that an event can start reach: secrets, tokens, rights and namespaces, from the declared objects alone.

`python -m offline.reachability [STACK …]` prints the table; `--against REVISION` prints what changed since then.

The table errs on the side of too much. What the objects leave open (a role that is not among them, a secret named by a
parameter) counts as everything it could be; what cannot be followed at all is an error. A pod counts as wholly stolen
from the step on that its Task's annotation `tekton-delivery/untrusted-from` names.
"""
