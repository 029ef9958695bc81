"""What the settings' model says of itself: a JSON schema for editors and a page for people.

`python -m offline.reference` writes both into `docs/`.
"""
