"""AWS's public files over HTTPS: the Spot Advisor and the price list. No credentials are needed.

A file is streamed to disk, and used only when all of it has come. Its size and the time it may
take are bounded, whoever answers: a proxy's login page, an endless body and one that trickles
are told apart from the file. Addresses are used as they are: no redirect is followed.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError

from services.aws.errors import (
    AwsError,
    BadAnswerError,
    RequestRefusedError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)
from services.aws.session import AwsOptions, wait_seconds

LOOPBACK = ("127.0.0.1", "localhost", "::1")
BLOCK_BYTES = 1 << 18
MOST_ADVISOR_BYTES = 64 << 20  # the file has 3 MB
MOST_INDEX_BYTES = 4 << 20
MOST_PRICE_LIST_BYTES = 4 << 30  # the largest region's CSV has some 300 MB
LONGEST_SECONDS = 1800.0

KEPT = "what was stored before stays in use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """How HTTP names an edition of a file; empty: the server did not say."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFile:
    """A file that has come whole; ``path`` is None where it has not changed (304)."""

    path: Path | None
    size: int
    validators: Validators


class PublicFiles:
    """Fetches files into a folder of its own, which goes when it is closed."""

    def __init__(
        self, options: AwsOptions | None = None, *, longest_seconds: float = LONGEST_SECONDS
    ) -> None:
        self._options = options or AwsOptions()
        self._longest_seconds = longest_seconds
        self._folder = TemporaryDirectory(prefix="cloudoptim-")
        self._count = 0
        self._pools: dict[str, urllib3.PoolManager] = {}

    def fetch(
        self,
        url: str,
        *,
        most_bytes: int,
        known: Validators | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> PublicFile:
        """The file at an address, or word that it has not changed since ``known``.

        Raises an AwsError where it does not come whole in spite of all attempts.
        """
        check_address(url)
        for attempt in range(1, self._options.attempts + 1):
            try:
                return self._fetch_once(url, most_bytes, known or Validators(), on_bytes)
            except AwsError as error:
                if not error.is_retryable or attempt == self._options.attempts:
                    raise
            self._options.pause(wait_seconds(self._options, attempt))
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Give back connections, and delete what was fetched."""
        for pool in self._pools.values():
            pool.clear()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def _fetch_once(
        self,
        url: str,
        most_bytes: int,
        known: Validators,
        on_bytes: Callable[[int], None] | None,
    ) -> PublicFile:
        deadline = time.monotonic() + self._longest_seconds
        with self._asked(url, known) as response:
            validators = Validators(
                etag=response.headers.get("ETag", ""),
                last_modified=response.headers.get("Last-Modified", ""),
            )
            if response.status == 304:
                return PublicFile(path=None, size=0, validators=known)
            _check_status(url, response)
            self._count += 1
            path = Path(self._folder.name) / str(self._count)
            size = 0
            with path.open("wb") as file:
                for block in _blocks(url, response, deadline):
                    size += len(block)
                    if size > most_bytes:
                        raise _too_large(url, most_bytes)
                    file.write(block)
                    if on_bytes is not None:
                        on_bytes(size)
            return PublicFile(path=path, size=size, validators=validators)

    @contextmanager
    def _asked(self, url: str, known: Validators) -> Iterator[Any]:
        headers = {"Accept-Encoding": "gzip", "User-Agent": "CloudOptim"}
        if known.etag:
            headers["If-None-Match"] = known.etag
        if known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        try:
            response = self._pool_for(url).request(
                "GET", url, headers=headers, redirect=False, preload_content=False
            )
        except HTTPError as error:
            raise _unreachable(url, error) from error
        try:
            yield response
            response.drain_conn()
        except HTTPError as error:
            raise _cut_off(url, error) from error
        finally:
            response.close()
            response.release_conn()

    def _pool_for(self, url: str) -> urllib3.PoolManager:
        """The connections to a file's server, through the proxy that HTTPS_PROXY names for it."""
        host = urlsplit(url).hostname or ""
        is_direct = host in LOOPBACK or proxy_bypass(host)
        proxy = "" if is_direct else getproxies().get("https", "")
        if proxy not in self._pools:
            wait = self._options.timeout_seconds
            timeout = urllib3.Timeout(connect=wait, read=wait)
            self._pools[proxy] = (
                urllib3.ProxyManager(proxy, retries=False, timeout=timeout)
                if proxy
                else urllib3.PoolManager(retries=False, timeout=timeout)
            )
        return self._pools[proxy]


def check_address(url: str) -> str:
    """The address, where it may be asked: https, or http on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname and not parts.username:
        return url
    if parts.scheme == "http" and parts.hostname in LOOPBACK and not parts.username:
        return url
    raise RequestRefusedError(
        f"cannot fetch {_shown(url)}: it is not an https address",
        next_step="set SPOT_ADVISOR_URL or PRICE_LIST_URL to an https address (http is for this "
        "machine only)",
    )


def _blocks(url: str, response: Any, deadline: float) -> Iterator[bytes]:
    """The body as it comes: each piece as soon as it is there, so that a trickle is noticed."""
    while block := response.read1(BLOCK_BYTES, decode_content=True):
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"cannot fetch {_shown(url)}: it comes too slowly",
                next_step=f"check the network and try again; {KEPT}",
            )
        yield block


def _check_status(url: str, response: Any) -> None:
    status = response.status
    if status == 200:
        return
    if 300 <= status < 400:
        target = _shown(response.headers.get("Location", "another address"))
        raise RequestRefusedError(
            f"cannot fetch {_shown(url)}: it has moved to {target}",
            next_step="if that is AWS's own address, set SPOT_ADVISOR_URL or PRICE_LIST_URL to it",
        )
    if status == 429:
        raise ThrottledError(
            f"cannot fetch {_shown(url)}: the server is throttling",
            next_step=f"try again in a few minutes; {KEPT}",
        )
    if status >= 500:
        raise UnavailableError(
            f"cannot fetch {_shown(url)}: the server failed ({status})",
            next_step=f"try again in a few minutes; {KEPT}",
        )
    raise RequestRefusedError(
        f"cannot fetch {_shown(url)}: the server answered {status}",
        next_step=f"check the address; {KEPT}",
    )


def _too_large(url: str, most_bytes: int) -> BadAnswerError:
    error = BadAnswerError(
        f"cannot fetch {_shown(url)}: it is larger than {most_bytes >> 20} MiB",
        next_step=f"check the address; {KEPT}",
    )
    error.is_retryable = False  # it would be as large again
    return error


def _unreachable(url: str, error: HTTPError) -> UnreachableError:
    return UnreachableError(
        f"cannot fetch {_shown(url)}: the server cannot be reached ({type(error).__name__})",
        next_step=f"check network, proxy and certificates, then try again; {KEPT}",
    )


def _cut_off(url: str, error: HTTPError) -> BadAnswerError:
    return BadAnswerError(
        f"cannot fetch {_shown(url)}: the answer was cut off ({type(error).__name__})",
        next_step=f"try again; {KEPT}",
    )


def _shown(url: str) -> str:
    """An address for a message: without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
