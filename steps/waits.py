"""How long a forge is given to know what it has told."""

# What a forge answers may be older than the webhook that it sent: GitHub asks replicas, Gitea sets refs afterwards. And a
# commit may be pushed, replaced and pushed again, so that no ancestry tells which of two answers is the older one.
WAITS = (1.0, 2.0, 4.0, 8.0)
