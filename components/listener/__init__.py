"""The way in: what the forge sends, what of it passes, and the runs that it starts. Nothing else knows a webhook's shape."""
