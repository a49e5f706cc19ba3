"""What can go wrong between the program and its database, said so that a person can act on it."""

from engines.contracts.errors import CloudOptimError


class DatabaseError(CloudOptimError):
    """The database refused or failed in a way that has no class of its own."""


class DatabaseUrlError(DatabaseError):
    """The database URL cannot be used."""


class DatabaseUnavailableError(DatabaseError):
    """The database cannot be reached, or went away in the middle of the work."""

    is_retryable = True


class DatabaseLockedError(DatabaseError):
    """Another process held a lock for longer than we were told to wait."""

    is_retryable = True


class DatabaseFullError(DatabaseError):
    """There is no room left where the database lies."""

    is_retryable = True


class DatabaseDamagedError(DatabaseError):
    """The file is no database, or its content is damaged."""


class DatabaseConstraintError(DatabaseError):
    """A row breaks a rule of the schema (a CHECK, a foreign key, a unique key, append-only)."""


class WrongDatabaseKindError(DatabaseError):
    """A sandbox database was opened for real work, or a real one for the sandbox."""


class SchemaError(DatabaseError):
    """The schema is not the one that this program was written for."""


class NewerSchemaError(SchemaError):
    """A newer program has already migrated the database; this one must not touch it."""


class RecordNotFoundError(DatabaseError):
    """What was asked for by its id or digest is not stored (any more)."""


class LeaseLostError(DatabaseError):
    """Another process holds the lease by now; what this one still writes is refused."""


class BackupError(DatabaseError):
    """The copy could not be written."""
