"""Typed stack configuration: one model, a module for each noun of it. Components take its value types; `plan` alone takes the whole.

Keys are camelCase in `Pulumi.<stack>.yaml`. Every key is checked before anything is created; an error names the key's
path, the value, what is allowed and how to mend it. Unknown keys are errors.
"""
