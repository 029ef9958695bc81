"""The policy pack: what every stack keeps, and what is added to one has to keep too. See policy/README.md."""
