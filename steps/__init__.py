"""What trusted pods run, one process a step, and the domain that `operate` shares with them. Standard library only."""
