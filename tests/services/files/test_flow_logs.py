"""VPC flow logs: who sent how much to whom, in every format, and what does not count.

Ten minutes are 600 seconds, a day 86,400: a byte of a log of ten minutes is 144 a day.
"""

import gzip
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from engines.contracts.usage import to_traffic_rows
from services.files.flow_log import is_flow_log, read_flow_logs
from services.files.source import SourceFile
from services.pod_addresses import PodAddress

START = 1_785_758_400  # 2026-08-03T12:00:00Z
END = START + 600
V5 = "version interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr bytes start end action"
V5 += " log-status flow-direction"


def pod(address, name, since=START):
    moment = None if since is None else datetime.fromtimestamp(since, UTC)
    return PodAddress(address=address, namespace="shop", name=name, since=moment)


PODS = (pod("10.0.0.5", "web"), pod("10.0.1.6", "db"))


def file_of(*lines, name="flow.log"):
    return SourceFile.of_bytes(name, "\n".join(lines).encode())


def v5(amount, *, sent_by="10.0.0.5", to="10.0.1.6", way="egress", eni="eni-a", **fields):
    span = f"{fields.get('start', START)} {fields.get('end', END)}"
    status = f"{fields.get('action', 'ACCEPT')} {fields.get('status', 'OK')}"
    return f"5 {eni} 10.0.0.9 10.0.1.9 {sent_by} {to} {amount} {span} {status} {way}"


def v2(amount, *, sent_by="10.0.0.5", to="10.0.1.6", eni="eni-a", start=START, end=END):
    return f"2 123456789012 {eni} {sent_by} {to} 443 5000 6 9 {amount} {start} {end} ACCEPT OK"


def read(*lines, pods=PODS):
    return read_flow_logs([file_of(*lines)], pods)


def sums(found):
    return {
        (row.from_pod, row.to_pod): row.bytes_per_day for row in to_traffic_rows(found.reading.data)
    }


def dropped(found):
    return {one.reason: (one.count, one.first_line) for one in found.reading.dropped}


def test_the_senders_side_is_counted_and_the_receivers_left_out():
    """1,000 bytes in ten minutes are 144,000 a day."""
    found = read(V5, v5(1_000), v5(1_000, way="ingress", eni="eni-b"))

    assert sums(found) == {("web", "db"): 144_000}
    assert dropped(found) == {
        "the receiver's side of the traffic; the sender's side counts": (1, 3)
    }
    assert found.covered_seconds == 600
    assert found.reading.rows_read == 2
    assert found.reading.as_of == datetime.fromtimestamp(END, UTC)


def test_without_a_direction_each_interface_is_summed_up_and_the_largest_counts():
    """eni-a saw 300 + 200, eni-b the same less a record that was lost: 500 x 144 = 72,000."""
    found = read(v2(300), v2(200), v2(300, eni="eni-b"), v2(0, sent_by="10.0.1.6", to="10.0.0.5"))

    assert sums(found) == {("web", "db"): 72_000, ("db", "web"): 0}
    assert found.reading.dropped == ()


def test_records_of_several_files_count_over_the_time_that_they_cover_together():
    """Two stretches of ten minutes, hours apart: 1,200 seconds, so (100 + 500) x 72 = 43,200."""
    later = {"start": END + 7_200, "end": END + 7_800}
    files = [file_of(V5, v5(100)), file_of(V5, v5(500, **later), name="b.log")]

    found = read_flow_logs(files, PODS)

    assert found.covered_seconds == 1_200
    assert sums(found) == {("web", "db"): 43_200}


def test_short_gaps_between_records_are_quiet_time_and_count_as_covered():
    """600 s apart is one stretch of 1,800 s; a second more leaves two of 600 s."""
    joined = read(V5, v5(1), v5(1, start=END + 600, end=END + 1_200))
    parted = read(V5, v5(1), v5(1, start=END + 601, end=END + 1_201))

    assert (joined.covered_seconds, parted.covered_seconds) == (1_800, 1_200)


def test_the_cloudwatch_export_puts_a_time_before_each_record():
    found = read(f"2026-08-03T12:00:00.000Z {v2(10)}")

    assert sums(found) == {("web", "db"): 1_440}


def test_packed_files_and_headers_in_the_middle_are_read():
    text = "\n".join((V5, v5(1), "", V5, v5(2))).encode()

    found = read_flow_logs([SourceFile.of_bytes("a.log.gz", gzip.compress(text))], PODS)

    assert sums(found) == {("web", "db"): 432}
    assert found.reading.rows_read == 2


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (v5("-", status="NODATA", action="-"), "nothing was sent in the interval (NODATA)"),
        (v5("-", status="SKIPDATA", action="-"),
         "AWS itself left records out of the interval (SKIPDATA)"),
        (v5(9, action="REJECT"), "the traffic was rejected"),
        (v5(9, sent_by="52.0.0.1"), "an address is of no pod"),
        (v5(9, to="10.0.0.9"), "an address is of no pod"),
        (v5(9, to="10.0.0.5"), "a pod talks with itself"),
        (v5(9, start=START - 1), "the pod that has the address now is younger"),
        (v5(9, way="-"), "the receiver's side of the traffic; the sender's side counts"),
    ],
)  # fmt: skip
def test_what_does_not_count_is_counted_by_its_reason(record, reason):
    found = read(V5, v5(1_000), record)

    assert dropped(found) == {reason: (1, 3)}
    assert sums(found)["web", "db"] in (144_000, 143_760)  # over 600 or 601 seconds


def test_an_address_that_two_pods_claim_is_nobodys():
    found = read(
        V5,
        v5(5),
        v5(7, to="10.0.1.7"),
        pods=(*PODS, pod("10.0.1.6", "other"), pod("10.0.1.7", "api")),
    )

    assert sums(found) == {("web", "api"): 1_008}


def test_a_pod_that_does_not_tell_its_age_is_joined_with_nothing():
    found = read(V5, v5(5), pods=(PODS[0], pod("10.0.1.6", "db", since=None)))

    assert sums(found) == {}


def test_two_addresses_of_a_pod_are_one_pod():
    found = read(V5, v5(1), v5(2, to="fd00::6"), pods=(*PODS, pod("fd00::6", "db")))

    assert sums(found) == {("web", "db"): 432}


def test_the_importer_is_warned_of_short_skipped_and_unmatched_logs():
    """10 of the 16 bytes are of no pod; 0.2 hours were logged."""
    found = read(V5, v5(6), v5(10, to="10.0.9.9"), v5("-", status="SKIPDATA"))

    short, skipped, unmatched = found.reading.warnings
    assert "0.2 hours" in short
    assert "SKIPDATA" in skipped
    assert unmatched.startswith("10 of 16 bytes")


@pytest.mark.parametrize(("intervals", "is_short"), [(143, False), (142, True)])
def test_a_day_may_lack_its_last_interval(intervals, is_short):
    ends = [START + 600 * number for number in range(1, intervals + 1)]

    found = read(V5, *[v5(1, start=end - 600, end=end) for end in ends])

    assert any("hours" in one for one in found.reading.warnings) is is_short


def test_a_day_of_logs_with_all_pods_known_warns_of_nothing():
    records = [v5(1, start=START + at, end=START + at + 600) for at in range(0, 86_400, 600)]

    found = read(V5, *records)

    assert found.reading.warnings == ()
    assert sums(found) == {("web", "db"): 144}


@pytest.mark.parametrize(
    ("lines", "line", "complaint"),
    [
        (("from_namespace,from_pod,to_namespace,to_pod,bytes_per_day",), 1, "no record of"),
        ((V5, v5(1) + " extra"), 2, "13 fields"),
        ((V5, "5 eni-a"), 2, "2 fields"),
        ((V5, v5(-5)), 2, "bytes '-5' is not a number"),
        ((V5, v5("1e3")), 2, "is not a number"),
        ((V5, v5("\u0661")), 2, "is not a number"),
        ((V5, v5(2**48 + 1)), 2, "more than any network moves"),
        ((V5, v5(1, start="soon")), 2, "not a number of seconds"),
        ((V5, v5(1, start=0)), 2, "between the years"),
        ((V5, v5(1, start=END, end=START)), 2, "before it starts"),
        ((V5, v5(1, start=START, end=START + 3_601)), 2, "3601 seconds long"),
        (("srcaddr dstaddr bytes",), 1, "lacks fields"),
        (("srcaddr dstaddr bytes start end",), 1, "lacks fields"),
    ],
)
def test_a_hostile_line_is_refused_with_file_and_line(lines, line, complaint):
    with pytest.raises(InvalidInputError, match=complaint) as caught:
        read(*lines)

    assert (caught.value.source, caught.value.line) == ("flow.log", line)


def test_bytes_and_intervals_up_to_their_limits_are_taken():
    """2^48 in an hour are 24 x 2^48 a day; 32 records of it reach 24 x 2^53."""
    most = v5(2**48, end=START + 3_600)

    assert sums(read(V5, most)) == {("web", "db"): 24 * 2**48}
    with pytest.raises(InvalidInputError, match="no network moves"):
        read(V5, *[most] * 32)


@pytest.mark.parametrize("lines", [(), (V5,), (V5, v5(1, end=START + 599))])
def test_less_than_ten_minutes_tell_nothing_of_a_day(lines):
    with pytest.raises(InvalidInputError, match="tell nothing of a day"):
        read(*lines)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (V5, True),
        (v2(1), True),
        (f"2026-08-03T12:00:00.000Z {v2(1)}", True),
        ("from_namespace,from_pod,to_namespace,to_pod,bytes_per_day", False),
        ("a b c d e f g h i j k l m n", False),
        ("{}", False),
        ("", False),
    ],
)
def test_a_flow_log_is_told_by_its_first_line(head, expected):
    assert is_flow_log(head.encode()) is expected


cells = st.one_of(
    st.sampled_from(["10.0.0.5", "10.0.1.6", str(START), str(END), "OK", "NODATA", "ACCEPT"]),
    st.integers(-5, 2**70).map(str),
    st.text(max_size=5),
)


@given(
    rows=st.lists(st.lists(cells, min_size=10, max_size=16).map(" ".join), max_size=5),
    header=st.sampled_from([V5, "", "srcaddr"]),
)
def test_any_text_is_read_or_refused_in_words(rows, header):
    try:
        found = read(header, v5(1) if header == V5 else v2(1), *rows)
    except InvalidInputError:
        return
    used = found.reading.rows_read - found.reading.rows_dropped
    assert used >= len(sums(found)) == 1
