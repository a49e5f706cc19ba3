"""Whatever bytes a server sends as a page: a reading or an error of ours, never anything else."""

import json

from hypothesis import given
from hypothesis import strategies as st

from services.kube.errors import KubernetesError
from services.kube.permissions import LISTS
from services.kube.reading import read_cluster
from services.kube.transport import Answer
from tests.sandbox.kube.builders import a_pod
from tests.services.kube.builders import AT

LIST_NAMES = {one.path: one.kind.list_name for one in LISTS}
PODS = "/api/v1/pods"
PAGE = json.dumps(
    {"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": [a_pod("a"), a_pod("b")]}
).encode()


class OneOddPage:
    """A connection whose lists are empty, but for the pods."""

    def __init__(self, pods: bytes) -> None:
        self.endpoint = "https://host"
        self.bytes_read = 0
        self.renewal_problem = None
        self._pods = pods

    def clock(self):
        return 0.0

    def get(self, path, query=()):
        empty = json.dumps({"kind": LIST_NAMES[path], "items": []}).encode()
        return Answer(200, {}, self._pods if path == PODS else empty, 0.0, 0.0)


def read(pods: bytes):
    """The reading, or None for an error of ours."""
    try:
        return read_cluster(OneOddPage(pods), at=AT)
    except KubernetesError:
        return None


def objects_and_problems(reading):
    pods, unread = reading.document.pods, reading.document.unread or ()
    return len(pods), len([one for one in unread if one.subject.kind == "Pod"])


def test_the_page_itself_is_read():
    assert objects_and_problems(read(PAGE)) == (2, 0)


@given(st.binary(max_size=300))
def test_any_bytes(page):
    assert read(page) is None


@given(st.data())
def test_a_page_that_was_cut_is_never_a_short_list(data):
    end = data.draw(st.integers(0, len(PAGE) - 1))

    assert read(PAGE[:end]) is None


@given(st.integers(0, len(PAGE) - 1), st.binary(min_size=1, max_size=4))
def test_a_page_with_wrong_bytes_in_it(at, wrong):
    """Where the page is still JSON, each item of its list is an object or a problem."""
    reading = read(PAGE[:at] + wrong + PAGE[at + len(wrong) :])

    assert reading is None or sum(objects_and_problems(reading)) in (1, 2)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "spec", "status", "name", "containers", "labels", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.lists(json_values, max_size=4))
def test_every_item_of_a_list_is_an_object_or_a_problem(items):
    page = json.dumps({"kind": "PodList", "items": [a_pod("good"), *items]}).encode()

    reading = read(page)

    pods, unread = objects_and_problems(reading)
    assert "good" in [pod.metadata.name for pod in reading.document.pods]
    assert pods <= 1 + len(items)
    assert pods + unread <= 1 + len(items)  # equal problems are one problem
    assert pods == 1 + len(items) or unread >= 1
