"""Secrets at rest: sealed with Fernet (AES-128-CBC and HMAC-SHA256) before they are stored.

The keys come from ``ENCRYPTION_KEY`` or from a key file that only its owner may read; it is made
at the first use. Several keys may stand there, the newest first: the newest seals, each of them
opens. Whoever holds both the database and the keys can read the secrets; keep them apart.
"""

import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.errors import CloudOptimError, ConfigurationError
from services.settings import ROOT, Settings

DEFAULT_KEY_FILE = ROOT / "var" / "secret.key"
MASK = "***"  # what stands for a secret wherever a person may look
_OWNER_ONLY = 0o600
_OTHERS = 0o077
_MAKE_A_KEY = (
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)


class SealedSecretError(CloudOptimError):
    """A stored secret cannot be opened with the present keys."""


class SecretBox:
    """Seals and opens short texts. It never shows its keys."""

    __slots__ = ("_fernet", "_read_keys")

    def __init__(
        self, keys: Sequence[str], *, read_keys: Callable[[], Sequence[str]] | None = None
    ) -> None:
        """Take the keys, the newest first. Raises ValueError for what is no Fernet key.

        ``read_keys`` tells the present keys: another process may have added one since.
        """
        self._fernet = _fernet(keys)
        self._read_keys = read_keys

    def __repr__(self) -> str:
        return "SecretBox()"

    def seal(self, text: str) -> str:
        """The text as it may be stored; sealing it again gives other text."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str, *, what: str) -> str:
        """The text that was sealed. ``what`` names it in the error for a key that is gone."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            if self._read_keys is None:
                raise _cannot_open(what) from error
        self._fernet = _fernet(self._read_keys())
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise _cannot_open(what) from error

    def reseal(self, sealed: str, *, what: str) -> str:
        """The same secret, sealed with the newest key."""
        return self.seal(self.open(sealed, what=what))


def open_secret_box(settings: Settings) -> SecretBox:
    """The box of ``ENCRYPTION_KEY``, else of the key file, which is made if it is not there.

    Raises ConfigurationError for a key that is none and for a file that others may read.
    """
    if settings.encryption_key:
        return _box(settings.encryption_key, "ENCRYPTION_KEY")
    path = key_file(settings)
    if not path.exists():
        _make_key_file(path)

    def read_keys() -> Sequence[str]:
        return _keys(_read_key_file(path))

    return _box(_read_key_file(path), f"the key file {path}", read_keys)


def key_file(settings: Settings) -> Path:
    """Where the keys are kept when ``ENCRYPTION_KEY`` is not set."""
    chosen = settings.encryption_key_file
    return Path(chosen).expanduser() if chosen else DEFAULT_KEY_FILE


def add_key(settings: Settings) -> SecretBox:
    """Put a new key before those of the key file; the box that seals with it and opens all.

    Raises ConfigurationError where the keys stand in ``ENCRYPTION_KEY``: only the operator can
    change that.
    """
    if settings.encryption_key:
        raise ConfigurationError(
            "the keys stand in ENCRYPTION_KEY, which this program cannot change",
            next_step=f"put a new key before the others yourself, made by {_MAKE_A_KEY}, "
            "and run this again without --new-key",
        )
    open_secret_box(settings)
    path = key_file(settings)
    keys = f"{Fernet.generate_key().decode()}\n{_read_key_file(path)}"
    _write_beside(path, keys).replace(path)
    return open_secret_box(settings)


def _box(keys: str, place: str, read_keys: Callable[[], Sequence[str]] | None = None) -> SecretBox:
    try:
        return SecretBox(_keys(keys), read_keys=read_keys)
    except ValueError as error:
        raise ConfigurationError(
            f"{place} holds no key, or one that is no Fernet key",
            next_step=f"make a key with {_MAKE_A_KEY}",
        ) from error


def _keys(text: str) -> Sequence[str]:
    return [key for key in re.split(r"[,\s]+", text) if key]


def _fernet(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _read_key_file(path: Path) -> str:
    try:
        if path.stat().st_mode & _OTHERS:
            raise ConfigurationError(
                f"the key file {path} can be read by others",
                next_step=f"chmod 600 {path}, and if others were here, rotate the secrets with "
                "cli.py db rotate-secrets --new-key",
            )
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error) from error


def _make_key_file(path: Path) -> None:
    """Make the file with its key in it at once; who comes second keeps the first one's key."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = _write_beside(path, Fernet.generate_key().decode() + "\n")
        try:
            path.hardlink_to(written)
        except FileExistsError:
            return
        finally:
            written.unlink()
    except OSError as error:
        raise _unusable(path, error) from error


def _write_beside(path: Path, keys: str) -> Path:
    """A complete file in the same folder, readable by its owner only from the start."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(keys)
        file.flush()
        os.fsync(file.fileno())
    return beside


def _unusable(path: Path, error: OSError | UnicodeDecodeError) -> ConfigurationError:
    reason = error.strerror if isinstance(error, OSError) else "it is no text of Fernet keys"
    return ConfigurationError(
        f"the key file {path} cannot be used: {reason}",
        next_step="set ENCRYPTION_KEY_FILE to a file in a folder that this program may write to",
    )


def _cannot_open(what: str) -> SealedSecretError:
    return SealedSecretError(
        f"{what} cannot be opened: it was sealed with a key that is not here",
        next_step="bring the old key back (ENCRYPTION_KEY, or the key file from the backup), "
        "or enter the credentials again",
    )
