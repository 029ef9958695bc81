"""The stand-in for the plugin `kubernetes`: server-side apply, previews by dry run, refresh by what applying changes."""
