"""The command line `quack`."""
