"""What the pack demands, one subject a module. A rule is given an object and yields what is wrong with it."""
