"""Background work: plain functions, each safe to run on every node at once, called by a timer."""
