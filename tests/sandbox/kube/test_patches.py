"""JSON patch, merge patch, strategic merge patch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kube import patches
from sandbox.kube.failures import ApiError

TWO_CONTAINERS = {
    "containers": [
        {"name": "app", "image": "a", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
        {"name": "sidecar", "image": "s"},
    ]
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_a_merge_patch_removes_with_null_and_replaces_lists():
    target = {"a": 1, "b": {"c": 1, "d": 2}, "e": [1, 2]}

    merged = patches.merge(target, {"a": None, "b": {"c": 3}, "e": [9], "x": {"y": None, "z": 1}})

    assert merged == {"b": {"c": 3, "d": 2}, "e": [9], "x": {"z": 1}}


@given(JSON, JSON)
def test_merging_twice_changes_nothing_more(target, patch):
    once = patches.merge(target, patch)

    assert patches.merge(once, patch) == once


def test_a_strategic_patch_merges_containers_by_name():
    patch = {"containers": [{"name": "app", "resources": {"requests": {"cpu": "2"}}}]}

    merged = patches.strategic("V1PodSpec", TWO_CONTAINERS, patch)

    assert merged["containers"] == [
        {"name": "app", "image": "a", "resources": {"requests": {"cpu": "2", "memory": "1Gi"}}},
        {"name": "sidecar", "image": "s"},
    ]


def test_a_strategic_patch_puts_new_items_first_and_deletes_by_directive():
    added = patches.strategic("V1PodSpec", TWO_CONTAINERS, {"containers": [{"name": "new"}]})
    removed = patches.strategic(
        "V1PodSpec", TWO_CONTAINERS, {"containers": [{"$patch": "delete", "name": "sidecar"}]}
    )

    assert [one["name"] for one in added["containers"]] == ["new", "app", "sidecar"]
    assert [one["name"] for one in removed["containers"]] == ["app"]


def test_a_strategic_patch_replaces_taints_for_they_have_no_merge_key():
    merged = patches.strategic(
        "V1NodeSpec", {"taints": [{"key": "old"}]}, {"taints": [{"key": "new"}]}
    )

    assert merged == {"taints": [{"key": "new"}]}


def test_a_list_item_without_its_merge_key_is_a_500():
    with pytest.raises(ApiError) as refused:
        patches.strategic("V1PodSpec", TWO_CONTAINERS, {"containers": [{"image": "x"}]})

    assert refused.value.code == 500
    assert refused.value.body["message"] == (
        "map: map[image:x] does not contain declared merge key: name"
    )


def test_a_json_patch_adds_replaces_removes_moves_and_copies():
    target = {"list": [1, 2], "map": {"a/b": 1, "x": 5}}
    operations = [
        {"op": "add", "path": "/list/-", "value": 3},
        {"op": "add", "path": "/list/0", "value": 0},
        {"op": "remove", "path": "/map/a~1b"},
        {"op": "copy", "from": "/map/x", "path": "/map/y"},
        {"op": "move", "from": "/map/x", "path": "/map/z"},
        {"op": "test", "path": "/map/z", "value": 5},
    ]

    assert patches.json_patch(target, operations) == {
        "list": [0, 1, 2, 3],
        "map": {"y": 5, "z": 5},
    }
    assert target == {"list": [1, 2], "map": {"a/b": 1, "x": 5}}


def test_a_json_patch_may_replace_what_is_absent():
    patched = patches.json_patch(
        {"spec": {}}, [{"op": "replace", "path": "/spec/unschedulable", "value": True}]
    )

    assert patched == {"spec": {"unschedulable": True}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/missing"},
        {"op": "add", "path": "/missing/deeper", "value": 1},
        {"op": "add", "path": "/list/9", "value": 1},
        {"op": "nonsense", "path": "/a"},
        {"op": "add", "path": "a", "value": 1},
    ],
)
def test_a_json_patch_that_cannot_be_applied_is_a_422_without_details(operation):
    with pytest.raises(ApiError) as refused:
        patches.json_patch({"a": 1, "list": []}, [operation])

    assert refused.value.code == 422
    assert refused.value.body["message"] == (
        "the server rejected our request due to an error in our request"
    )
    assert refused.value.body["details"] == {}


def test_go_prints_maps_in_order_of_their_keys():
    assert patches.go_text({"b": [1, None], "a": True}) == "map[a:true b:[1 <nil>]]"
