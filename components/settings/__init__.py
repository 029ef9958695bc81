"""Typed stack configuration: one model, a module for each key. Components take its value types, `plan` alone all of it.

Keys are camelCase in `Pulumi.<stack>.yaml`. Every key is checked before anything is created; an error names the key's
path, the value, what is allowed and how to mend it. Unknown keys are errors.
"""
