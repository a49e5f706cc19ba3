"""Describe calls that moto answers whole: cut into pages, and kept to the offered types."""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from xml.etree import ElementTree as ET

from sandbox.aws.answers_xml import changed_xml, set_text, text_of
from sandbox.aws.calls import Answer, ApiError, Call
from sandbox.aws.catalogue import offered_types
from sandbox.aws.cloud import IMAGE_OWNER, Cloud
from sandbox.aws.tokens import page_size, read_token, write_token
from sandbox.aws.zones import zone_ids, zones_of_type

PAGED_SETS = {
    "DescribeVolumes": "volumeSet",
    "DescribeSnapshots": "snapshotSet",
    "DescribeTags": "tagSet",
    "DescribeLaunchTemplates": "launchTemplates",
    "DescribeInstanceStatus": "instanceStatusSet",
}
_LARGEST_PAGE = 1000


def describe_instances(cloud: Cloud, call: Call) -> Answer:
    """A page of instances, in whole reservations; moto is asked for those of the page only."""
    if call.get("MaxResults") and call.listed("InstanceId"):
        raise ApiError(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    size = page_size(call, least=5, most=_LARGEST_PAGE, usual=_LARGEST_PAGE)
    offset = int(read_token(call).get("offset", 0))
    if call.listed("InstanceId"):
        return cloud.forward(call)
    reservations = _reservations(cloud, call)
    end = _end_of_page([len(one.instances) for one in reservations], offset, size)
    page = [one.id for each in reservations[offset:end] for one in each.instances]
    if not page:
        return cloud.answer(call, {"reservationSet": []})
    changes = {name: None for name in call.params if name.startswith(("Filter", "MaxR", "NextT"))}
    asked = call.changed(changes | {f"InstanceId.{at}": one for at, one in enumerate(page, 1)})
    token = write_token(call, {"offset": end}) if end < len(reservations) else ""
    return changed_xml(cloud.forward(asked), lambda root: _set_token(root, token))


def describe_snapshots(cloud: Cloud, call: Call) -> Answer:
    """Snapshots of the owners that are asked for, which moto does not tell apart, in pages."""
    names = {"self": call.account_id, "amazon": IMAGE_OWNER}
    owners = {names.get(one, one) for one in call.listed("Owner")}

    def is_wanted(item: ET.Element) -> bool:
        return not owners or text_of(item, "ownerId") in owners

    return _in_pages(cloud, call, is_wanted)


def describe_in_pages(cloud: Cloud, call: Call) -> Answer:
    """A page of what moto answers; without ``MaxResults`` all of it, at most 1,000 items."""
    return _in_pages(cloud, call, lambda _: True)


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
    """Where which types are offered, a thousand rows at a time."""
    size = page_size(call, least=5, most=_LARGEST_PAGE, usual=_LARGEST_PAGE)
    offset = int(read_token(call).get("offset", 0))
    rows = [row for row in _offerings(call) if _is_wanted(row, call)]
    after = offset + size
    result: dict[str, Any] = {"instanceTypeOfferingSet": rows[offset:after]}
    if after < len(rows):
        result["nextToken"] = write_token(call, {"offset": after})
    return cloud.answer(call, result)


def _offerings(call: Call) -> Iterator[dict[str, str]]:
    kind = call.get("LocationType", "region")
    ids = zone_ids(call.region)
    for name in offered_types():
        zones = zones_of_type(name, call.region)
        places = {
            "region": (call.region,) if zones else (),
            "availability-zone": zones,
            "availability-zone-id": tuple(ids[zone] for zone in zones),
        }
        if kind not in places:
            raise ApiError("InvalidParameterValue", f"The location type '{kind}' is not known")
        for place in places[kind]:
            yield {"instanceType": name, "locationType": kind, "location": place}


def _is_wanted(row: Mapping[str, str], call: Call) -> bool:
    fields = {"instance-type": "instanceType", "location": "location"}
    for name, values in call.filters().items():
        if name not in fields:
            raise ApiError("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not any(fnmatchcase(row[fields[name]], value) for value in values):
            return False
    return True


def _in_pages(cloud: Cloud, call: Call, is_wanted: Callable[[ET.Element], bool]) -> Answer:
    size = page_size(call, least=5, most=_LARGEST_PAGE, usual=_LARGEST_PAGE)
    offset = int(read_token(call).get("offset", 0))
    whole = call.changed({"NextToken": None, "MaxResults": None})

    def change(root: ET.Element) -> None:
        parent = root.find(PAGED_SETS[call.action])
        _keep(parent, is_wanted)
        items = list(parent) if parent is not None else []
        page = set(items[offset : offset + size])
        _keep(parent, lambda item: item in page)
        after = offset + size
        _set_token(root, write_token(call, {"offset": after}) if after < len(items) else "")

    return changed_xml(cloud.forward(whole), change)


def _reservations(cloud: Cloud, call: Call) -> list[Any]:
    """moto's reservations that the filters leave, with the instances that they leave."""
    filters = {name: list(values) for name, values in call.filters().items()}
    backend = cloud.backend("ec2", call.account_id, call.region)
    try:
        return list(backend.describe_instances(filters=filters))
    except NotImplementedError as error:
        raise ApiError("InvalidParameterValue", f"A filter is not known: {error}") from error


def _end_of_page(weights: list[int], offset: int, size: int) -> int:
    """The end of the page at ``offset``: at least one item, and no more weight than ``size``."""
    end, weight = offset, 0
    while end < len(weights):
        weight += weights[end]
        if weight > size and end > offset:
            break
        end += 1
    return end


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
