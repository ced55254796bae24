"""The management API, which is Harbor's: what its clients send and expect, and behind it the rules of `core`."""
