"""One account's AWS session: role, refreshed credentials, clients by region, retried calls.

A role's session is renewed before it ends. Where AWS says that it has ended all the same (it was
revoked, or a clock jumped), a new one is opened and the call is made once more.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.session import Session
from botocore.utils import parse_timestamp

from services.aws.access import AwsAccess
from services.aws.deadlines import within
from services.aws.errors import (
    SYNCHRONISE,
    AwsError,
    BadAnswerError,
    ClockSkewError,
    ExpiredCredentialsError,
    translated,
)
from services.aws.reads_only import allow_reads_only
from services.settings import Settings

ROLE_SESSION_NAME = "cloudoptim"
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 20.0
LONGEST_TIMEOUTS = 4  # connecting and answering, for the call itself and for assuming the role
MOST_CONNECTIONS = 32  # as many as regions may be read at once (PRICING_DATA_FETCH_PARALLELISM)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsOptions:
    """How patient calls are. Waits are ``FIRST_WAIT_SECONDS`` x ``backoff_factor`` ** n."""

    attempts: int = 3
    backoff_factor: float = 2.0
    timeout_seconds: float = 30.0
    pause: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, settings: Settings) -> "AwsOptions":
        """What the settings of price fetching say."""
        return cls(
            attempts=settings.pricing_data_retry_attempts,
            backoff_factor=settings.pricing_data_retry_backoff,
        )


def open_account(
    access: AwsAccess, options: AwsOptions | None = None, *, may_change: bool = False
) -> "AwsAccount":
    """The account, nothing asked of it yet. Without ``may_change`` only reads leave this process.

    The caller closes it.
    """
    return AwsAccount(access, options or AwsOptions(), may_change=may_change)


class AwsAccount:
    """Clients and calls of one account; safe to use from several threads."""

    def __init__(self, access: AwsAccess, options: AwsOptions, *, may_change: bool) -> None:
        self.access = access
        self.options = options
        self._may_change = may_change
        self._lock = threading.RLock()
        self._account_id = ""
        self._clients: dict[tuple[str, str, int], Any] = {}
        self._outdated: list[Any] = []
        self._session = self._open_session()

    @property
    def region(self) -> str:
        """The region that calls go to where none is named."""
        return self.access.region

    @property
    def account_id(self) -> str:
        """The account's number, asked once (GetCallerIdentity)."""
        if not self._account_id:
            self._account_id = str(self.call("sts", "get_caller_identity")["Account"])
        return self._account_id

    def client(self, service: str, region: str | None = None) -> Any:
        """boto3's own client, which retries adaptively; its errors are botocore's."""
        return self._client(service, region or self.region, self.options.attempts)

    def endpoint(self, service: str) -> str:
        """Where calls to a service go, whatever setting says so."""
        with translated(f"find the endpoint of {service} in {self.region}"):
            return str(self._client(service, self.region, 1).meta.endpoint_url)

    def call(
        self, service: str, operation: str, *, region: str | None = None, **parameters: Any
    ) -> Mapping[str, Any]:
        """The answer to one call, named as boto3 does; raises an AwsError when all attempts fail.

        Calls that change something must be safe to repeat: a lost answer is asked for again.
        """
        place = region or self.region
        for attempt in range(1, self.options.attempts + 1):
            try:
                return self._ask(service, operation, place, parameters)
            except AwsError as error:
                if not error.is_retryable or attempt == self.options.attempts:
                    raise
            self.options.pause(wait_seconds(self.options, attempt))
        raise AssertionError("the last attempt returns or raises")

    def pages(
        self, service: str, operation: str, *, region: str | None = None, **parameters: Any
    ) -> Iterator[Mapping[str, Any]]:
        """The answers to one question, page by page."""
        token = ""
        while True:
            more = {"NextToken": token} if token else {}
            page = self.call(service, operation, region=region, **parameters, **more)
            yield page
            following = str(page.get("NextToken") or "")
            if not following:
                return
            if following == token:
                raise BadAnswerError(
                    f"cannot {operation.replace('_', ' ')}: AWS gives the same page again and "
                    "again",
                    next_step="try again later; if it comes again, ask AWS support",
                )
            token = following

    def signed_with(self) -> Any:
        """botocore's session of this account, for signing what is not an API call."""
        return self._session

    def close(self) -> None:
        """Give back all connections."""
        with self._lock:
            for client in (*self._clients.values(), *self._outdated):
                client.close()
            self._clients.clear()
            self._outdated.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def _ask(
        self, service: str, operation: str, region: str, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """One attempt; where the role's session has ended early, one more with a new one."""
        session = self._session
        try:
            return self._ask_once(service, operation, region, parameters)
        except ExpiredCredentialsError:
            if self.access.role_arn is None:
                raise
            self._renew(session)
            return self._ask_once(service, operation, region, parameters)

    def _ask_once(
        self, service: str, operation: str, region: str, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        what = f"{operation.replace('_', ' ')} in {region}"
        with translated(what):
            call: Callable[..., Mapping[str, Any]]
            call = getattr(self._client(service, region, 1), operation)
            longest_seconds = LONGEST_TIMEOUTS * self.options.timeout_seconds
            return within(longest_seconds, what, partial(call, **parameters))

    def _client(self, service: str, region: str, attempts: int) -> Any:
        """The client of a service in a region. With one attempt, ``call`` does the retrying."""
        key = (service, region, attempts)
        with self._lock:
            if key not in self._clients:
                mode = "standard" if attempts == 1 else "adaptive"
                self._clients[key] = self._session.create_client(
                    service,
                    region_name=region,
                    endpoint_url=self.access.endpoint_url,
                    config=self._config(attempts, mode),
                )
            return self._clients[key]

    def _config(self, attempts: int, mode: str) -> Config:
        return Config(
            connect_timeout=self.options.timeout_seconds,
            read_timeout=self.options.timeout_seconds,
            retries={"total_max_attempts": attempts, "mode": mode},
            max_pool_connections=MOST_CONNECTIONS,
        )

    def _open_session(self) -> Any:
        session = self._keyed_session() if self.access.role_arn is None else Session()
        if self.access.role_arn is not None:
            session.register_component(
                "credential_provider", CredentialResolver([_RoleProvider(self._assume_role)])
            )
        if not self._may_change:
            allow_reads_only(session.get_component("event_emitter"))
        parsers = session.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=parse_time)
        return session

    def _keyed_session(self) -> Any:
        """A session with the access key of this account, or with this machine's settings."""
        session = Session()
        if self.access.access_key_id is not None:
            session.set_credentials(self.access.access_key_id, self.access.secret_access_key)
        return session

    def _assume_role(self) -> dict[str, str]:
        """Fresh credentials of the role, in the form that botocore's refreshing wants."""
        session = self._keyed_session()
        client = session.create_client(
            "sts",
            region_name=self.region,
            endpoint_url=self.access.endpoint_url,
            config=self._config(self.options.attempts, "standard"),
        )
        more = {"ExternalId": self.access.external_id} if self.access.external_id else {}
        try:
            with translated(f"assume the role {self.access.role_arn}"):
                answer = client.assume_role(
                    RoleArn=self.access.role_arn, RoleSessionName=ROLE_SESSION_NAME, **more
                )
        finally:
            client.close()
        given = answer["Credentials"]
        if given["Expiration"] <= datetime.now(UTC):
            raise ClockSkewError(
                f"the session of the role {self.access.role_arn} is over before it began: this "
                "machine's clock is far ahead of AWS's",
                next_step=SYNCHRONISE,
            )
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    def _renew(self, ended: Any) -> None:
        """Replace a session that AWS says has ended, unless another thread did so already."""
        with self._lock:
            if self._session is ended:
                self._outdated += self._clients.values()  # other threads may still use them
                self._clients = {}
                self._session = self._open_session()


def parse_time(value: Any) -> datetime:
    """A time of an answer. botocore's own way costs four fifths of reading a page of prices."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return _any_time(value)
        if moment.tzinfo is not None:
            return moment
    return _any_time(value)


def _any_time(value: Any) -> datetime:
    """The other forms that AWS's protocols know: seconds since 1970, RFC 822."""
    moment: datetime = parse_timestamp(value)
    return moment


def wait_seconds(options: AwsOptions, attempt: int) -> float:
    """The pause after an attempt: longer each time, and by chance up to half shorter."""
    longest = FIRST_WAIT_SECONDS * options.backoff_factor ** (attempt - 1)
    return min(longest, LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1.0)


class _RoleProvider(CredentialProvider):  # type: ignore[misc]  # botocore carries no types
    """Gives botocore credentials that it refreshes some minutes before they expire."""

    METHOD = "assume-role"
    CANONICAL_NAME = "cloudoptim"

    def __init__(self, assume: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._assume = assume

    def load(self) -> Any:
        return DeferredRefreshableCredentials(refresh_using=self._assume, method=self.METHOD)
