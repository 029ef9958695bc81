"""Stand-ins for the Pulumi plugins `kubernetes` and `random`, where the official ones cannot be downloaded."""
