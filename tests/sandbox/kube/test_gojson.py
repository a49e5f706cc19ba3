"""JSON refused in Go's words."""

import pytest

from sandbox.kube import gojson


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b'{"spec":', "unexpected end of JSON input"),
        (b"not json", "invalid character 'o' in literal null (expecting 'u')"),
        (b"tru", "invalid character ' ' in literal true (expecting 'e')"),
        (b"spec: 1", "invalid character 's' looking for beginning of value"),
        (b"{} trailing", "invalid character 't' after top-level value"),
        (b"\x81", "invalid character '\\u0081' looking for beginning of value"),
        (b'"\\u00', "invalid character ' ' in \\u hexadecimal character escape"),
    ],
)
def test_broken_json_is_refused(body, message):
    with pytest.raises(gojson.JsonError) as refused:
        gojson.decode(body)

    assert str(refused.value) == message


def test_the_last_of_two_equal_keys_counts_and_is_told():
    body = b'{"spec": {"a": 1, "a": 2}}'

    assert gojson.decode(body) == {"spec": {"a": 2}}
    assert gojson.duplicate_keys(body) == ["spec.a"]
    assert gojson.duplicate_keys(b'{"a": {"b": 1}, "c": [1, 1]}') == []


def test_values_have_gos_type_names():
    values = ["x", 1, 1.5, True, [], {}]

    assert [gojson.type_name(value) for value in values] == [
        "string",
        "number",
        "number",
        "bool",
        "array",
        "object",
    ]
