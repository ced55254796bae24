"""The rules of the registry, one transaction an operation. Knows no HTTP; raises the errors of `registry.errors`."""
