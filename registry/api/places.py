"""What an address of the management API names, below the project that its rule has let somebody into."""

from registry.core.repositories import Repository
from registry.oci.names import Reference, RepositoryName
from registry.web import Call


def repository_of(call: Call) -> Repository:
    """The `{repository}`, whether or not it exists. Raises `NameInvalid`."""
    return Repository(call.project, RepositoryName.parse(f"{call.project.name}/{call.path('repository')}"))


def reference_of(call: Call) -> Reference:
    """The `{reference}`, a tag or a digest. Raises `DigestInvalid`, `TagInvalid`."""
    return Reference.parse(call.path("reference"))
