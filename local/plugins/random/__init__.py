"""The stand-in for the plugin `random`: passwords, strings, ids and bytes."""
