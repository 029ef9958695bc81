"""What a stack needs of its cluster, its registries and its forge: for who checks that before deliveries do."""
