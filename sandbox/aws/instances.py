"""RunInstances as AWS does it: checked, idempotent by token, limited by what capacity there is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree as ET

from sandbox.aws.answers_xml import changed_xml, set_text, text_of
from sandbox.aws.calls import Answer, ApiError, Call
from sandbox.aws.catalogue import offered_types
from sandbox.aws.cloud import Cloud
from sandbox.aws.machines import ARCHITECTURES, all_instances, observe, spot_request_id
from sandbox.aws.spot_prices import Pool, is_priced
from sandbox.aws.zones import zones_of_type

_ITEMS = "instancesSet/item"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What a RunInstances call comes to, once its launch template is read."""

    instance_type: str
    image_id: str
    zone: str
    is_spot: bool
    max_price: str
    least: int
    most: int


def run_instances(cloud: Cloud, call: Call) -> Answer:
    """Launch, or answer again what the same token brought before."""
    token = call.get("ClientToken")
    key = (call.account_id, call.region, token)
    if token and key in cloud.launches:
        return _again(cloud, call, *cloud.launches[key])
    launch = _read(cloud, call)
    _check(cloud, call, launch)
    if call.is_true("DryRun"):
        raise dry_run_succeeded()
    _check_price(cloud, launch)
    lifecycle = "spot" if launch.is_spot else "on-demand"
    place = (launch.instance_type, launch.zone, lifecycle)
    count = cloud.faults.take_capacity(place, launch.least, launch.most)
    answer = cloud.forward(_with_count(call, launch, count))
    if answer.status == 200:
        observe(cloud, call.account_id, call.region)
        answer = changed_xml(answer, _complete)
        if token:
            cloud.launches[key] = (_digest(call), answer)
    return answer


def dry_run_succeeded() -> ApiError:
    """The error that says a dry run went well."""
    return ApiError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)


def _again(cloud: Cloud, call: Call, digest: str, answer: Answer) -> Answer:
    if digest != _digest(call):
        raise ApiError(
            "IdempotentParameterMismatch",
            "The request uses the same client token as a previous, but non-identical request.",
        )
    found = {one.id: one for one in all_instances(cloud, call.account_id, call.region)}

    def set_states(root: ET.Element) -> None:
        for item in root.findall(_ITEMS):
            state = found[text_of(item, "instanceId")].instance_state
            set_text(_child(item, "instanceState"), "code", str(state.code))
            set_text(_child(item, "instanceState"), "name", state.name)

    return changed_xml(answer, set_states)


def _read(cloud: Cloud, call: Call) -> Launch:
    template = _template(cloud, call)
    options = template.get("InstanceMarketOptions", {})
    market = call.get("InstanceMarketOptions.MarketType") or options.get("MarketType", "")
    spot = options.get("SpotOptions", {})
    return Launch(
        instance_type=call.get("InstanceType") or template.get("InstanceType", "m1.small"),
        image_id=call.get("ImageId") or template.get("ImageId", ""),
        zone=_zone(cloud, call, template),
        is_spot=market == "spot",
        max_price=call.get("InstanceMarketOptions.SpotOptions.MaxPrice")
        or str(spot.get("MaxPrice", "")),
        least=_count(call, "MinCount"),
        most=_count(call, "MaxCount"),
    )


def _template(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The data of the launch template version that the call names; empty where it names none."""
    identity = call.get("LaunchTemplate.LaunchTemplateId")
    name = call.get("LaunchTemplate.LaunchTemplateName")
    if not identity and not name:
        return {}
    backend = cloud.backend("ec2", call.account_id, call.region)
    identity = identity or backend.launch_template_name_to_ids.get(name, "")
    template = backend.launch_templates.get(identity)
    if template is None:
        raise ApiError(
            "InvalidLaunchTemplateId.NotFound"
            if call.get("LaunchTemplate.LaunchTemplateId")
            else "InvalidLaunchTemplateName.NotFoundException",
            "The specified launch template does not exist.",
        )
    version = call.get("LaunchTemplate.Version", "$Default")
    for one in template.versions:
        if str(one.number) == version:
            return dict(one.data)
    chosen = template.latest_version() if version == "$Latest" else template.default_version()
    return dict(chosen.data)


def _zone(cloud: Cloud, call: Call, template: dict[str, Any]) -> str:
    """The zone of the subnet, or the one that is named, or the region's first."""
    nics = template.get("NetworkInterfaces") or [{}]
    subnet_id = (
        call.get("SubnetId")
        or call.get("NetworkInterface.1.SubnetId")
        or nics[0].get("SubnetId", "")
    )
    if subnet_id:
        return _zone_of_subnet(cloud, call, subnet_id)
    named = template.get("Placement", {}).get("AvailabilityZone", "")
    return call.get("Placement.AvailabilityZone") or named or f"{call.region}a"


def _zone_of_subnet(cloud: Cloud, call: Call, subnet_id: str) -> str:
    backend = cloud.backend("ec2", call.account_id, call.region)
    for subnets in backend.subnets.values():
        if subnet_id in subnets:
            return str(subnets[subnet_id].availability_zone)
    raise ApiError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")


def _count(call: Call, name: str) -> int:
    text = call.get(name)
    if not text.isdecimal() or int(text) < 1:
        raise ApiError("InvalidParameterValue", f"Value ({text}) for parameter {name} is invalid.")
    return int(text)


def _check(cloud: Cloud, call: Call, launch: Launch) -> None:
    if launch.most < launch.least:
        raise ApiError(
            "InvalidParameterValue",
            f"Value ({launch.least}) for parameter minCount is invalid. minCount is more than "
            "maxCount.",
        )
    if launch.instance_type not in offered_types():
        raise ApiError(
            "InvalidParameterValue",
            f"Invalid value '{launch.instance_type}' for InstanceType.",
        )
    images = cloud.backend("ec2", call.account_id, call.region).amis
    if launch.image_id not in images and not launch.image_id.startswith("resolve:ssm:"):
        raise ApiError(
            "InvalidAMIID.NotFound", f"The image id '[{launch.image_id}]' does not exist"
        )
    _check_architecture(launch, images.get(launch.image_id))
    zones = zones_of_type(launch.instance_type, call.region)
    if launch.zone not in zones:
        raise ApiError(
            "Unsupported",
            f"Your requested instance type ({launch.instance_type}) is not supported in your "
            f"requested Availability Zone ({launch.zone}). Please retry your request by not "
            f"specifying an Availability Zone or choosing {', '.join(zones)}.",
        )


def _check_architecture(launch: Launch, image: Any) -> None:
    """Graviton needs images of its own; what an SSM parameter names is taken to fit."""
    wanted = offered_types()[launch.instance_type].architecture
    if image is not None and ARCHITECTURES[image.architecture] != wanted:
        name = next(one for one, ours in ARCHITECTURES.items() if ours == wanted)
        raise ApiError(
            "InvalidParameterValue",
            f"The architecture '{name}' of the specified instance type does not match the "
            f"architecture '{image.architecture}' of the specified AMI. Specify an instance type "
            "and an AMI that have matching architectures, and try again.",
        )


def _check_price(cloud: Cloud, launch: Launch) -> None:
    """Spot with a limit below what the pool costs now is not launched."""
    pool = Pool(launch.instance_type, launch.zone)
    if not launch.is_spot or not launch.max_price or not is_priced(pool.region):
        return
    current = cloud.market.price_at(pool, int(cloud.clock.now())) / 1_000_000
    if float(launch.max_price) < current:
        raise ApiError(
            "SpotMaxPriceTooLow",
            f"Your Spot request price of {launch.max_price} is lower than the minimum required "
            f"Spot request fulfillment price of {current:.4f}.",
        )


def _with_count(call: Call, launch: Launch, count: int) -> Call:
    """For moto, which launches MinCount, and takes no market options from a launch template."""
    changes: dict[str, str | None] = {"MinCount": str(count), "MaxCount": str(count)}
    if launch.is_spot:
        changes["InstanceMarketOptions.MarketType"] = "spot"
    if "SubnetId" not in call.params and "Placement.AvailabilityZone" not in call.params:
        changes["Placement.AvailabilityZone"] = launch.zone
    return call.changed(changes)


def _complete(root: ET.Element) -> None:
    """As AWS tells of instances that are still pending: no volumes yet, but the Spot request."""
    for item in root.findall(_ITEMS):
        for devices in item.findall("blockDeviceMapping"):
            devices.clear()
        if text_of(item, "instanceLifecycle") == "spot":
            set_text(item, "spotInstanceRequestId", spot_request_id(text_of(item, "instanceId")))


def _digest(call: Call) -> str:
    asked = sorted(_asked(call))
    return sha256(json.dumps(asked).encode()).hexdigest()


def _asked(call: Call) -> Iterator[tuple[str, str]]:
    for name, value in call.params.items():
        if name not in ("ClientToken", "DryRun"):
            yield name, value


def _child(parent: ET.Element, name: str) -> ET.Element:
    child = parent.find(name)
    return ET.SubElement(parent, name) if child is None else child
