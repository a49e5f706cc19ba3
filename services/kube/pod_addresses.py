"""The addresses of a cluster's pods, read now; they are used while a log is read, never kept."""

from services.errors import InvalidInputError
from services.kube.connection import KubeConnection
from services.kube.errors import BrokenAnswerError
from services.pod_addresses import PodAddress, read_pod_page

PAGE_SIZE = 500
_MOST_PAGES = 10_000
_PODS = "/api/v1/pods"


def read_pod_addresses(connection: KubeConnection) -> tuple[PodAddress, ...]:
    """All addresses of pods of their own. Raises KubernetesError where pods cannot be listed."""
    found: list[PodAddress] = []
    token = ""
    for _ in range(_MOST_PAGES):
        query = [("limit", str(PAGE_SIZE)), *([("continue", token)] if token else [])]
        answer = connection.get(_PODS, query)
        try:
            page = read_pod_page("a page", answer.body)
        except InvalidInputError as error:
            raise _broken(connection, error.reason) from error
        found += page.addresses
        if not page.next_page:
            return tuple(found)
        token = page.next_page
    raise _broken(connection, "goes on without an end")


def _broken(connection: KubeConnection, reason: str) -> BrokenAnswerError:
    return BrokenAnswerError(
        connection.endpoint,
        f"the answer to a list of pods {reason}",
        next_step="check that it is the API server's own address, not a proxy's",
    )
