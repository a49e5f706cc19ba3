"""Read a whole cluster: raw pages straight into the contract's structs, whose fields are all that
is kept (no container env, commands, arguments or last-applied copies).

Lists are read one after the other, each from one snapshot of the server. What may not be read is
never taken for empty: its field stays None, and a finding says why and what to do. Nodes and pods
must be read; a server in trouble fails the reading, so that the last good one stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from engines.contracts.collection import ObjectCollection, PageMetadata
from engines.contracts.results import Skipped, Subject
from engines.contracts.state import CurrentState, DataSource
from services.errors import InvalidInputError
from services.findings import Finding, FindingState
from services.kube.clock_skew import skew_finding, skew_seconds
from services.kube.connection import KubeConnection, server_time
from services.kube.errors import (
    BrokenAnswerError,
    ExpiredError,
    ForbiddenError,
    KubernetesError,
    NotServedError,
)
from services.kube.permissions import LISTS, Importance, ListedKind
from services.kube.transport import Answer

PAGE_SIZE = 500
RESTARTS_OF_A_LIST = 2
"""How often a list is begun anew because the server forgot the state it began with (410)."""

_MOST_PAGES = 10_000  # 5,000,000 objects: a list that goes on is no list
_SERVER_CLOCK = "clock of the API server"
_OUR_CLOCK = "time of reading"


class UnreadReason(StrEnum):
    """Why a whole kind is missing from a reading."""

    KIND_FORBIDDEN = "kind_forbidden"
    KIND_NOT_SERVED = "kind_not_served"
    KIND_FAILED = "kind_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReading:
    """What was read. ``document`` has only the Kubernetes fields, ``unread`` and ``sources``.

    ``problems`` are the findings that a person should see; ``resource_versions`` tells by kind
    which state of the server its list shows.
    """

    document: CurrentState
    problems: tuple[Finding, ...]
    bytes_read: int
    resource_versions: Mapping[str, str]


def read_cluster(connection: KubeConnection, *, at: datetime) -> ClusterReading:
    """Everything that engines may look at, read now; ``at`` is now by this machine's clock.

    Raises KubernetesError where nodes or pods cannot be read, or the server fails or is
    overloaded. Changes nothing in the cluster.
    """
    reader = _Reader(connection, at)
    for listed in LISTS:
        reader.read(listed)
    return reader.reading()


@dataclass(slots=True)
class _List:
    """One list on its way: the objects so far, and what the first page told."""

    kind: ListedKind
    objects: ObjectCollection = field(default_factory=ObjectCollection)
    resource_version: str = ""
    first: Answer | None = None


class _Reader:
    """Collects the lists of one reading."""

    def __init__(self, connection: KubeConnection, at: datetime) -> None:
        self._connection = connection
        self._at = at
        self._began_at_seconds = connection.clock()
        self._bytes_before = connection.bytes_read
        self._lists: list[_List] = []
        self._holes: set[str] = set()  # fields that cannot be given
        self._unread: list[Skipped] = []
        self._findings: list[Finding] = []
        self._broken_groups: dict[str, KubernetesError] = {}

    def read(self, listed: ListedKind) -> None:
        """Read one kind, or note why not. Raises what makes the whole reading useless."""
        if listed.group in self._broken_groups:  # its other kinds would be waited for in vain
            self._note(listed, self._broken_groups[listed.group])
            return
        try:
            self._lists.append(self._list(listed))
        except KubernetesError as error:
            self._note(listed, error)

    def reading(self) -> ClusterReading:
        """All that was collected."""
        kept = [one for one in self._lists if one.kind.kind.field not in self._holes]
        fields: dict[str, tuple[object, ...]] = {}
        unread = list(self._unread)
        for one in kept:
            name = one.kind.kind.field
            fields[name] = (*fields.get(name, ()), *one.objects.objects(name))
            unread += one.objects.unread
        sources = tuple(self._source(one) for one in kept)
        document = CurrentState(
            **fields,  # type: ignore[arg-type]  # each field holds the objects of its kinds
            unread=tuple(unread) or None,
            sources=sources,
        )
        return ClusterReading(
            document=document,
            problems=(*self._findings, *self._findings_about_connection()),
            bytes_read=self._connection.bytes_read - self._bytes_before,
            resource_versions={one.kind.kind.name: one.resource_version for one in kept},
        )

    def _list(self, listed: ListedKind) -> _List:
        """A list from its beginning, again if the server forgot where it began."""
        for restart in range(RESTARTS_OF_A_LIST + 1):
            try:
                return self._list_once(listed)
            except ExpiredError:
                if restart == RESTARTS_OF_A_LIST:
                    raise
            except NotServedError:
                if not self._is_surely_absent(listed):
                    raise
                empty = _List(listed)
                empty.objects.list_nothing(listed.kind.field)
                return empty
        raise AssertionError("a list is tried at least once")

    def _list_once(self, listed: ListedKind) -> _List:
        read = _List(listed)
        token = ""
        for _ in range(_MOST_PAGES):
            metadata = self._page(read, token)
            if not metadata.continue_token:
                return read
            if metadata.continue_token == token:
                break
            token = metadata.continue_token
        raise BrokenAnswerError(
            self._connection.endpoint,
            f"the list of {listed.resource} has no end",
            next_step="check that it is the API server's own address, not a proxy's",
        )

    def _page(self, read: _List, token: str) -> PageMetadata:
        """Fetch a page and take its objects; its bytes are not kept."""
        query = [("limit", str(PAGE_SIZE))]
        if token:
            query.append(("continue", token))
        answer = self._connection.get(read.kind.path, query)
        try:
            if b'"items"' not in answer.body:
                raise InvalidInputError("a page", "holds no list", next_step="see the endpoint")
            metadata = read.objects.add_page(read.kind.kind, answer.body)
        except InvalidInputError as error:
            raise BrokenAnswerError(
                self._connection.endpoint,
                f"the answer to a list of {read.kind.resource} {error.reason}",
                next_step="check that it is the API server's own address, not a proxy's",
            ) from error
        if read.first is None:
            read.first = answer._replace(body=b"")
            read.resource_version = metadata.resource_version
        return metadata

    def _is_surely_absent(self, listed: ListedKind) -> bool:
        """Whether a custom resource's whole API group is not installed: then there are none."""
        if listed.kind.name != "ScaledObject":
            return False
        try:
            self._connection.get(f"/apis/{listed.group}")
        except NotServedError:
            return True
        return False

    def _note(self, listed: ListedKind, error: KubernetesError) -> None:
        """Make a hole of a kind that may be missing; everything else ends the reading."""
        is_refused = isinstance(error, ForbiddenError | NotServedError)
        may_fail = listed.importance is Importance.OPTIONAL
        if listed.importance is Importance.ESSENTIAL or not (is_refused or may_fail):
            raise error
        self._holes.add(listed.kind.field)
        if not is_refused:
            self._broken_groups[listed.group] = error
        self._findings.append(_finding(listed, error))
        self._unread.append(
            Skipped(
                subject=Subject(kind=listed.kind.name),
                reason=_reason(error),
                message=f"{error}; until then `{listed.kind.field}` counts as not given",
            )
        )

    def _source(self, one: _List) -> DataSource:
        told = server_time(one.first) if one.first is not None else None
        return DataSource(
            kind=one.kind.kind.name,
            name=self._connection.endpoint,
            count=len(one.objects.objects(one.kind.kind.field)),
            as_of=told or self._local_time(one.first),
            as_of_basis=_SERVER_CLOCK if told else _OUR_CLOCK,
        )

    def _local_time(self, answer: Answer | None) -> datetime:
        """When an answer was complete, by this machine's clock."""
        done = self._began_at_seconds if answer is None else answer.done_at_seconds
        return self._at + timedelta(seconds=done - self._began_at_seconds)

    def _findings_about_connection(self) -> list[Finding]:
        skews = [
            skew_seconds(one.first, at=self._at, began_at_seconds=self._began_at_seconds)
            for one in self._lists
            if one.first is not None
        ]
        known = [skew for skew in skews if skew is not None]
        findings = [skew_finding(self._connection.endpoint, known[0])] if known else []
        if self._connection.renewal_problem is not None:
            findings.append(renewal_finding(self._connection.renewal_problem))
        return [one for one in findings if one.state is not FindingState.HELD]


def renewal_finding(problem: KubernetesError) -> Finding:
    """What to show when a token could not be renewed, though it still works."""
    return Finding(
        check="kubernetes: renew the token",
        state=FindingState.WARNING,
        message=problem.problem,
        needed_for="every reading, once the present token has ended",
        remedy=problem.next_step,
    )


def _finding(listed: ListedKind, error: KubernetesError) -> Finding:
    if isinstance(error, ForbiddenError):
        state, remedy = FindingState.MISSING, error.next_step
    elif isinstance(error, NotServedError):
        state, remedy = FindingState.WARNING, absence_remedy(listed)
    else:
        state, remedy = FindingState.FAILED, error.next_step
    return Finding(
        check=f"kubernetes: read {listed.kind.name} objects",
        state=state,
        message=error.problem,
        needed_for=listed.needed_for,
        remedy=remedy,
    )


def absence_remedy(listed: ListedKind) -> str:
    """What to do where the API server does not serve a kind."""
    if listed.group == "metrics.k8s.io":
        return (
            "install metrics-server (`kubectl apply -f https://github.com/kubernetes-sigs/"
            "metrics-server/releases/latest/download/components.yaml`), or import usage from a CSV"
        )
    return f"check with `kubectl api-resources` that the cluster serves {listed.path}"


def _reason(error: KubernetesError) -> UnreadReason:
    if isinstance(error, ForbiddenError):
        return UnreadReason.KIND_FORBIDDEN
    if isinstance(error, NotServedError):
        return UnreadReason.KIND_NOT_SERVED
    return UnreadReason.KIND_FAILED
