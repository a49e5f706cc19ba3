"""What the pods use: by the hour, by the namespace, and never more than is believable."""

from datetime import timedelta

from sandbox.kube import quantities
from sandbox.kube.objects import unix_seconds
from sandbox.shop.usage import LEAK_SECONDS, usage_of
from sandbox.shop.workloads import WORKLOADS
from tests.sandbox.shop.conftest import NOW
from tests.sandbox.shop.looking import every, pods_of

usage = usage_of(WORKLOADS)


def test_an_oversized_workload_uses_a_fifth_of_what_it_asks_for(shop):
    """web: 18 % of 500 m is 90 m at the busiest hour, give or take 15 % and 10 %: 69 to 114."""
    used = [_cpu(pod, NOW) for pod in pods_of(shop, "shop", "web")]

    assert all(69 <= one <= 114 for one in used)


def test_the_night_is_quieter_than_the_day(shop):
    """Twelve hours before the busiest one it is 35 % of it."""
    pods = pods_of(shop, "shop", "orders")

    day = sum(_cpu(pod, NOW) for pod in pods)
    night = sum(_cpu(pod, NOW - timedelta(hours=12)) for pod in pods)

    assert 0.30 < night / day < 0.40


def test_previews_rest_at_the_weekend(shop):
    """2027-01-16 is a Saturday: 5 % of what the same hour of Friday was."""
    pods = pods_of(shop, "dev", "preview-a")

    friday = sum(_cpu(pod, NOW) for pod in pods)
    saturday = sum(_cpu(pod, NOW + timedelta(days=1)) for pod in pods)

    assert 0 < saturday < friday * 0.1


def test_a_leak_fills_the_memory_from_its_start_to_its_kill(shop):
    pod = pods_of(shop, "data", "stream-processor")[0]
    container = pod["spec"]["containers"][0]
    started = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    limit = int(quantities.parse(container["resources"]["limits"]["memory"]))
    begin = unix_seconds(started)

    assert usage(pod, container, begin)[1] == int(limit * 0.45)
    assert usage(pod, container, begin + LEAK_SECONDS)[1] == limit


def test_no_container_uses_more_memory_than_its_limit(shop):
    for pod in every(shop, "pods"):
        for container in pod["spec"]["containers"]:
            limit = quantities.parse(container["resources"]["limits"]["memory"])
            assert 0 < usage(pod, container, NOW.timestamp())[1] <= limit


def test_the_same_question_has_the_same_answer(shop):
    pods = pods_of(shop, "shop", "cart")

    assert [_cpu(pod, NOW) for pod in pods] == [_cpu(pod, NOW) for pod in pods]


def _cpu(pod, at):
    return usage(pod, pod["spec"]["containers"][0], at.timestamp())[0]
