"""For tests of programs that use a registry: one for the time of a test session, and images to push and read.

`registry.pytest_plugin` brings the fixtures; docs/testing.md shows them in use.
"""

from registry.testing.client import Client, ClientError, Pushed
from registry.testing.images import Image, Index, Layer
from registry.testing.serving import NotStarted, Registry, serve

__all__ = ["Client", "ClientError", "Image", "Index", "Layer", "NotStarted", "Pushed", "Registry", "serve"]
