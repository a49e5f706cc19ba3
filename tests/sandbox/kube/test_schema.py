"""Decoding by the models of the official client."""

import pytest

from sandbox.kube import schema


def test_unknown_fields_are_dropped_and_named_with_their_path():
    decoded = schema.decode(
        "V1Node", {"spec": {"nosuch": 1, "taints": [{"key": "a", "$patch": "delete"}]}}
    )

    assert decoded.obj == {"spec": {"taints": [{"key": "a"}]}}
    assert decoded.unknown == ["spec.nosuch", "spec.taints[0].$patch"]


@pytest.mark.parametrize(
    ("model", "body", "message"),
    [
        (
            "V1Node",
            {"spec": {"unschedulable": "yes"}},
            "json: cannot unmarshal string into Go struct field NodeSpec.spec.unschedulable of"
            " type bool",
        ),
        (
            "V1Node",
            {"spec": {"taints": {}}},
            "json: cannot unmarshal object into Go struct field NodeSpec.spec.taints of type"
            " []v1.Taint",
        ),
        (
            "V1Node",
            {"metadata": {"labels": {"a": 1}}},
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of"
            " type string",
        ),
        (
            "V1Scale",
            {"spec": {"replicas": 2.5}},
            "json: cannot unmarshal number 2.5 into Go struct field ScaleSpec.spec.replicas of"
            " type int32",
        ),
        (
            "V1Scale",
            {"spec": {"replicas": 2147483648}},
            "json: cannot unmarshal number 2147483648 into Go struct field"
            " ScaleSpec.spec.replicas of type int32",
        ),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_in_gos_words(model, body, message):
    with pytest.raises(schema.TypeFaultError) as refused:
        schema.decode(model, body)

    assert str(refused.value) == message


def test_the_largest_32_bit_number_is_taken():
    decoded = schema.decode("V1Scale", {"spec": {"replicas": 2147483647}})

    assert decoded.obj == {"spec": {"replicas": 2147483647}}


def test_nulls_and_what_go_leaves_out_are_left_out():
    decoded = schema.decode(
        "V1Node",
        {"metadata": {"labels": {}, "annotations": None}, "spec": {"unschedulable": False}},
    )

    assert decoded.obj == {"metadata": {}, "spec": {}}


def test_a_false_behind_a_pointer_stays():
    assert schema.decode("V1CronJob", {"spec": {"suspend": False}}).obj["spec"] == {
        "suspend": False
    }


def test_quantities_get_the_servers_spelling_even_from_numbers():
    resources = {"requests": {"cpu": 0.5, "memory": "1024Mi"}}

    decoded = schema.decode("V1ResourceRequirements", resources)

    assert decoded.obj == {"requests": {"cpu": "500m", "memory": "1Gi"}}
