"""Measurements on the running embedded cluster. They are recorded, never asserted: figures belong to a machine."""
