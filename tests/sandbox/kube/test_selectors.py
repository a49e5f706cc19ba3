"""Label and field selectors: what they match and how they are refused."""

import pytest

from sandbox.kube.failures import ApiError
from sandbox.kube.resources import DEPLOYMENTS, NODES, PODS
from sandbox.kube.selectors import label_match, parse_labels, query_match, selector_text


def matches(selector, labels):
    return all(one.matches(labels) for one in parse_labels(selector))


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ("app=web", {"app": "web"}, True),
        ("app==web", {"app": "api"}, False),
        ("app!=web", {}, True),
        ("app in (web, api)", {"app": "api"}, True),
        ("tier notin (front)", {"app": "web"}, True),
        ("tier notin (front)", {"tier": "front"}, False),
        ("app", {"app": ""}, True),
        ("!app", {"app": ""}, False),
        ("app=", {"app": ""}, True),
        ("app=", {"app": "web"}, False),
        ("tier in ()", {"tier": ""}, True),
        ("size>3", {"size": "4"}, True),
        ("size>3", {"size": "3"}, False),
        ("size lt 3", {"size": "2"}, True),
        ("size<3", {"size": "small"}, False),
        ("a=1,b=2", {"a": "1", "b": "2"}, True),
        ("a=1,b=2", {"a": "1"}, False),
    ],
)
def test_a_label_selector_matches(selector, labels, expected):
    assert matches(selector, labels) is expected


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("app=(", "unable to parse requirement: found '(', expected: identifier"),
        ("=x", "found '=', expected: !, identifier, or 'end of string'"),
        ("app=a,,b=c", "found ',', expected: identifier after ','"),
        ("app=web value", "found 'value', expected: ',' or 'end of string'"),
    ],
)
def test_a_broken_label_selector_is_refused_in_the_servers_words(selector, message):
    with pytest.raises(ApiError) as refused:
        parse_labels(selector)

    assert refused.value.code == 400
    assert refused.value.body["message"] == message


def test_a_budget_without_selector_matches_nothing_and_an_empty_one_everything():
    pod = {"metadata": {"labels": {"app": "web"}}}

    assert label_match(None)(pod) is False
    assert label_match({})(pod) is True


def test_match_expressions_count_like_match_labels():
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["back"]}],
    }

    assert label_match(selector)({"metadata": {"labels": {"app": "web"}}}) is True
    assert label_match(selector)({"metadata": {"labels": {"app": "web", "tier": "back"}}}) is False
    assert selector_text(selector) == "app=web,tier notin (back)"


def test_an_absent_flag_is_the_field_value_false():
    node = {"metadata": {"name": "a"}, "spec": {}}

    assert query_match(NODES, "", "spec.unschedulable=false")(node) is True
    assert query_match(NODES, "", "spec.unschedulable=true")(node) is False


def test_an_unbound_pod_has_an_empty_node_name():
    pod = {"metadata": {"name": "p"}, "spec": {}}

    assert query_match(PODS, "", "spec.nodeName=")(pod) is True
    assert query_match(PODS, "", "spec.nodeName!=,metadata.name=p")(pod) is False


def test_no_selector_is_no_test_at_all():
    assert query_match(PODS, "", "") is None


@pytest.mark.parametrize(
    ("resource", "selector", "message"),
    [
        (PODS, "spec.foo=1", "field label not supported: spec.foo"),
        (PODS, "status.phase", "invalid selector: 'status.phase'; can't understand 'status.phase'"),
        (
            DEPLOYMENTS,
            "spec.replicas=5",
            '"spec.replicas" is not a known field selector: only "metadata.name",'
            ' "metadata.namespace"',
        ),
    ],
)
def test_an_unsupported_field_selector_is_refused(resource, selector, message):
    with pytest.raises(ApiError) as refused:
        query_match(resource, "", selector)

    assert refused.value.body["message"] == message
