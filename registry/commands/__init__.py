"""The subcommands of `cove`, one module a noun; `registry.cli` imports each when it is used."""
