"""What holds for every kill."""

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines.oom_remediation.builders import a_status, recorded, remedy, web
from tests.engines.rightsizing.builders import MIB, POD_NAMES, a_container, readings

kills = st.lists(
    st.tuples(
        st.floats(0, 30, allow_nan=False),
        st.none() | st.integers(10, 4000),
        st.sampled_from((*POD_NAMES, "web-5c4d-xvr4q")),
    ),
    max_size=5,
)


@given(
    st.integers(1, 2000),
    st.none() | st.integers(0, 2000),
    kills,
    st.floats(1.01, 2.0, allow_nan=False),
)
@settings(max_examples=200, deadline=None)
def test_a_raise_stays_in_its_bounds(request_mib, more_mib, history, factor):
    limit = None if more_mib is None else request_mib + more_mib
    container = a_container(
        cpu="100m",
        memory=f"{request_mib}Mi",
        memory_limit=None if limit is None else f"{limit}Mi",
    )

    response = remedy(
        *web(container, statuses=[]),
        oom_history=[recorded(hours, mib, pod=pod) for hours, mib, pod in history],
        memory_factor=factor,
    )

    assert response.estimated_savings <= 0
    for one in response.recommendations:
        if not one.recommended:
            continue
        new_request = one.recommended["memory_request_bytes"]
        new_limit = one.recommended["memory_limit_bytes"]
        assert request_mib * MIB <= new_request <= 2 * request_mib * MIB
        assert (new_limit is None) is (limit is None)
        if limit is not None:
            assert limit * MIB < new_limit <= 2 * limit * MIB
            assert new_request <= new_limit
            assert (new_request == new_limit) is (request_mib == limit) or limit - request_mib < 2


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_input_does_not_matter(seed):
    rng = random.Random(seed)
    history = [
        recorded(3, 400),
        recorded(2, None, pod=POD_NAMES[1]),
        recorded(2, 512, pod="web-5c4d-xvr4q"),
        recorded(30, 512),
    ]
    objects = web(statuses=[a_status()])
    usage = (*readings(), *readings(POD_NAMES[1], mib=300))

    def answer(objects, history, usage):
        response = remedy(*objects, oom_history=history, usage=usage)
        return msgspec.json.encode(msgspec.structs.replace(response, input_digest=""))

    mixed = (rng.sample(one, len(one)) for one in (objects, history, usage))
    assert answer(*mixed) == answer(objects, history, usage)
