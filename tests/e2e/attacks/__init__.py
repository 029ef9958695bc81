"""What attackers write: repositories, test code, Dockerfiles, webhook bodies, marks."""
