"""Lists: pages of one snapshot, tokens, resource versions."""

import pytest

from sandbox.kube import paging
from sandbox.kube.failures import ApiError
from tests.sandbox.kube.builders import PODS, a_pod

GATED = {"schedulingGates": [{"name": "later"}]}


@pytest.fixture
def five_pods(admin):
    for name in "abcde":
        assert admin("POST", PODS, a_pod(name, **GATED))[0] == 201


def page_after(admin, page, **query):
    token = page["metadata"]["continue"]
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return admin.get(f"{PODS}?continue={token}{more}")


def names(page):
    return [one["metadata"]["name"] for one in page["items"]]


def test_pages_follow_each_other_and_count_what_remains(admin, five_pods):
    first = admin.get(f"{PODS}?limit=2")
    second = page_after(admin, first, limit=2)
    third = page_after(admin, second, limit=2)

    assert [names(first), names(second), names(third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert first["metadata"]["remainingItemCount"] == 3
    assert second["metadata"]["remainingItemCount"] == 1
    assert third["metadata"].keys() == {"resourceVersion"}


def test_pages_are_one_snapshot(admin, five_pods):
    first = admin.get(f"{PODS}?limit=2")
    admin("DELETE", f"{PODS}/c")
    admin("POST", PODS, a_pod("cc", **GATED))

    rest = page_after(admin, first)

    assert names(rest) == ["c", "d", "e"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert names(admin.get(PODS)) == ["a", "b", "cc", "d", "e"]


def test_a_token_may_be_used_twice_and_with_another_limit(admin, five_pods):
    first = admin.get(f"{PODS}?limit=2")

    assert names(page_after(admin, first, limit=1)) == ["c"]
    assert names(page_after(admin, first)) == ["c", "d", "e"]


def test_with_a_selector_nothing_is_counted(admin, five_pods):
    page = admin.get(f"{PODS}?limit=1&labelSelector=app in (a,c)".replace(" ", "%20"))

    assert "remainingItemCount" not in page["metadata"]
    assert "continue" in page["metadata"]


def test_limit_is_ignored_at_resource_version_zero(admin, five_pods):
    assert names(admin.get(f"{PODS}?limit=2&resourceVersion=0")) == list("abcde")
    assert names(admin.get(f"{PODS}?limit=-1")) == list("abcde")
    assert names(admin.get(f"{PODS}?limit=0")) == list("abcde")


def test_a_compacted_token_is_410_with_a_token_that_goes_on(admin, cluster, five_pods):
    first = admin.get(f"{PODS}?limit=2")
    admin("DELETE", f"{PODS}/d")
    cluster.compact()

    status, refusal = admin("GET", f"{PODS}?continue={first['metadata']['continue']}")

    assert (status, refusal["reason"]) == (410, "Expired")
    assert names(page_after(admin, refusal)) == ["c", "e"]


def test_an_exact_list_at_a_compacted_revision_is_410(admin, cluster, five_pods):
    version = admin.get(PODS)["metadata"]["resourceVersion"]
    exact = f"{PODS}?resourceVersion={version}&resourceVersionMatch=Exact"
    admin("DELETE", f"{PODS}/d")

    assert names(admin.get(exact)) == list("abcde")
    cluster.compact()
    assert admin("GET", exact)[0] == 410


def test_a_future_resource_version_is_504_and_says_when_to_come_back(admin, five_pods):
    status, refusal = admin("GET", f"{PODS}?resourceVersion=99999999")

    assert (status, refusal["reason"]) == (504, "Timeout")
    assert refusal["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert admin.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("limit=abc", 400, 'strconv.ParseInt: parsing "abc": invalid syntax'),
        ("limit=", 400, 'strconv.ParseInt: parsing "": invalid syntax'),
        (
            "continue=!!!",
            400,
            "invalid continue token: continue key is not valid: illegal base64 data at input"
            " byte 0",
        ),
        (
            "resourceVersionMatch=Exact",
            422,
            'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden:'
            " resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
    ],
)
def test_a_bad_query_is_refused(admin, query, status, message):
    code, refusal = admin("GET", f"{PODS}?{query}")

    assert (code, refusal["message"]) == (status, message)


def test_a_token_with_a_resource_version_is_refused(admin, five_pods):
    first = admin.get(f"{PODS}?limit=2")
    token = first["metadata"]["continue"]

    assert admin("GET", f"{PODS}?continue={token}&resourceVersion=1")[0] == 400
    assert admin("GET", f"{PODS}?continue={token}&resourceVersion=0")[0] == 200


def test_tokens_are_those_of_the_real_server():
    """The token of a recorded list at revision 373 that ended with job-done."""
    token = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MzczLCJzdGFydCI6Ii9qb2ItZG9uZVx1MDAwMCJ9"

    assert paging.decode_token(token) == (373, "/job-done\0")
    assert paging.encode_token(373, "/job-done\0") == token


def test_a_token_of_another_version_is_refused():
    with pytest.raises(ApiError, match="does not recognize this encoded version"):
        paging.decode_token("eyJ2IjoidjAifQ")
