"""What the metadata database raises.

DatabaseError
+-- DatabaseBusy           others held the database too long; nothing was changed, trying again is safe
+-- DatabaseFull           the disk is full; nothing was changed
+-- DatabaseUnavailable    it does not answer, or takes no writes; nothing was changed
|   +-- CommitUnknown      it was lost while it committed: all of it was changed, or nothing
+-- SchemaTooNew           the data was written by a newer version of the program
"""


class DatabaseError(Exception):
    """The metadata database could not do what was asked."""


class DatabaseBusy(DatabaseError):
    """Others held the database too long. Nothing was changed; trying again is safe."""


class DatabaseFull(DatabaseError):
    """The disk is full. Nothing was changed."""


class DatabaseUnavailable(DatabaseError):
    """The database does not answer, or takes no writes, at the moment. Nothing was changed, unless a subclass says so.

    The message may name the server, and is for its operator alone.
    """


class CommitUnknown(DatabaseUnavailable):
    """The database was lost while it committed: all of the transaction was done, or nothing of it."""


class SchemaTooNew(DatabaseError):
    """The data was written by a newer version of the program."""
