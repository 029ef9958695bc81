"""What trusted pods run, one process a step; and what deliveries write down, which `operate` reads. Standard library only."""
