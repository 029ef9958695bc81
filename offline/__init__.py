"""The program without an engine, a CLI or a cluster: mock runs, and what they declare as manifests."""
