"""Describe calls that moto answers whole: cut into pages, and kept to the offered types."""

from collections.abc import Callable
from xml.etree import ElementTree as ET

from sandbox.aws.answers_xml import changed_xml, set_text, text_of
from sandbox.aws.calls import Answer, ApiError, Call
from sandbox.aws.catalogue import offered_types
from sandbox.aws.cloud import Cloud
from sandbox.aws.tokens import page_size, read_token, write_token

PAGED_SETS = {
    "DescribeInstances": "reservationSet",
    "DescribeVolumes": "volumeSet",
    "DescribeSnapshots": "snapshotSet",
    "DescribeTags": "tagSet",
    "DescribeLaunchTemplates": "launchTemplates",
    "DescribeInstanceStatus": "instanceStatusSet",
}
_WHOLE = "1000000"  # more than there are: moto pages reservations by itself, by 100


def describe_in_pages(cloud: Cloud, call: Call) -> Answer:
    """A page of what moto answers; without ``MaxResults`` all of it, at most 1,000 items."""
    if call.get("MaxResults") and call.listed("InstanceId"):
        raise ApiError(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    size = page_size(call, least=5, most=1000, usual=1000)
    offset = int(read_token(call).get("offset", 0))
    is_whole = call.action == "DescribeInstances" and not call.listed("InstanceId")
    whole = call.changed({"NextToken": None, "MaxResults": _WHOLE if is_whole else None})
    return changed_xml(
        cloud.forward(whole), lambda root: _cut(root, call, PAGED_SETS[call.action], offset, size)
    )


def describe_instance_types(cloud: Cloud, call: Call) -> Answer:
    """The offered types, a hundred at a time; types that are not offered do not exist."""
    asked = call.listed("InstanceType")
    unknown = [name for name in asked if name not in offered_types()]
    if unknown:
        raise ApiError(
            "InvalidInstanceType",
            f"The following supplied instance types do not exist: [{', '.join(unknown)}]",
        )
    size = page_size(call, least=5, most=100, usual=100)
    offset = int(read_token(call).get("offset", 0))
    names = asked or tuple(offered_types())
    changes: dict[str, str | None] = {"NextToken": None, "MaxResults": None}
    changes |= {f"InstanceType.{at}": None for at in range(1, len(asked) + 1)}
    page = names[offset : offset + size]
    changes |= {f"InstanceType.{at}": name for at, name in enumerate(page, start=1)}
    after = offset + size
    token = write_token(call, {"offset": after}) if after < len(names) else ""
    return changed_xml(cloud.forward(call.changed(changes)), lambda root: _set_token(root, token))


def describe_offerings(cloud: Cloud, call: Call) -> Answer:
    """Which zones offer which types, a thousand at a time."""
    size = page_size(call, least=5, most=1000, usual=1000)
    offset = int(read_token(call).get("offset", 0))
    whole = call.changed({"NextToken": None, "MaxResults": None})

    def change(root: ET.Element) -> None:
        _keep(
            root.find("instanceTypeOfferingSet"),
            lambda item: text_of(item, "instanceType") in offered_types(),
        )
        _cut(root, call, "instanceTypeOfferingSet", offset, size)

    return changed_xml(cloud.forward(whole), change)


def _cut(root: ET.Element, call: Call, name: str, offset: int, size: int) -> None:
    """Leave one page; a reservation counts as many items as it has instances, and stays whole."""
    parent = root.find(name)
    items = list(parent) if parent is not None else []
    end, count = offset, 0
    while end < len(items):
        count += max(len(items[end].findall("instancesSet/item")), 1)
        if count > size and end > offset:
            break
        end += 1
    kept = set(items[offset:end])
    _keep(parent, lambda item: item in kept)
    _set_token(root, write_token(call, {"offset": end}) if end < len(items) else "")


def _keep(parent: ET.Element | None, is_kept: Callable[[ET.Element], bool]) -> None:
    for item in list(parent) if parent is not None else ():
        if parent is not None and not is_kept(item):
            parent.remove(item)


def _set_token(root: ET.Element, token: str) -> None:
    old = root.find("nextToken")
    if old is not None:
        root.remove(old)
    if token:
        set_text(root, "nextToken", token)
