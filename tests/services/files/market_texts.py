"""Small market files, written by hand, for the tests of readers, imports and commands."""

import gzip
from datetime import UTC, datetime

from services.files.source import SourceFile

NOW = datetime(2026, 7, 20, 12, 0, tzinfo=UTC)

SPOT_HEADER = "instance_type,availability_zone,region,product_description,spot_price,timestamp\n"
SPOT_ROWS = (
    "m5.large,us-east-1a,us-east-1,Linux/UNIX,0.0350,2026-07-18T10:00:00Z\n"
    "m5.large,us-east-1a,us-east-1,Linux/UNIX,0.0360,2026-07-19T10:00:00Z\n"
    "m5.large,us-east-1b,us-east-1,Linux/UNIX,0.0410,2026-07-19T11:00:00Z\n"
    "c5.xlarge,us-east-1a,us-east-1,Linux/UNIX,0.0700,2026-07-18T09:00:00Z\n"
)
SPOT_CSV = SPOT_HEADER + SPOT_ROWS

SPOT_API_JSON = """{"SpotPriceHistory": [
  {"AvailabilityZone": "us-east-1a", "InstanceType": "m5.large",
   "ProductDescription": "Linux/UNIX", "SpotPrice": "0.036000",
   "Timestamp": "2026-07-19T10:00:00+00:00"},
  {"AvailabilityZone": "us-east-1a", "InstanceType": "m5.large",
   "ProductDescription": "Linux/UNIX", "SpotPrice": "0.035000",
   "Timestamp": "2026-07-18T10:00:00.000Z"}
]}"""

ADVISOR_RANGES = """[
  {"index": 0, "label": "<5%", "dots": 0, "max": 5},
  {"index": 1, "label": "5-10%", "dots": 1, "max": 11},
  {"index": 2, "label": "10-15%", "dots": 2, "max": 16},
  {"index": 3, "label": "15-20%", "dots": 3, "max": 22},
  {"index": 4, "label": ">20%", "dots": 4, "max": 100}
]"""
ADVISOR_RATES = """{
  "us-east-1": {
    "Linux": {"m5.large": {"s": 62, "r": 0}, "p5.48xlarge": {"s": -62, "r": 4}},
    "Windows": {"m5.large": {"s": 31, "r": 1}}
  },
  "eu-west-1": {"Linux": {"m5.large": {"s": 55, "r": 2}}, "Windows": {}}
}"""


def advisor_json(rates: str = ADVISOR_RATES, ranges: str = ADVISOR_RANGES) -> str:
    """Spot Advisor as AWS publishes it."""
    sizes = '{"m5.large": {"emr": true, "cores": 2, "ram_gb": 8.0}}'
    return (
        f'{{"global_rate": "<10%", "instance_types": {sizes}, '
        f'"ranges": {ranges}, "spot_advisor": {rates}}}'
    )


ON_DEMAND_CSV = (
    "region,instance_type,operating_system,hourly_price,effective_date\n"
    "us-east-1,m5.large,Linux,0.096,2026-07-01\n"
    "us-east-1,m5.large,Windows,0.188,2026-07-01\n"
    "eu-west-1,m5.large,Linux,0.107,2026-07-01T00:00:00Z\n"
)

INSTANCE_TYPES_CSV = (
    "instance_type,vcpu,memory_mib,arch,enis,ipv4_per_eni\n"
    "m5.large,2,8192,amd64,3,10\n"
    "m6g.xlarge,4,16384,arm64,4,15\n"
)


def source(text: str | bytes, name: str = "file") -> SourceFile:
    """A file with this content."""
    return SourceFile.of_bytes(name, text.encode() if isinstance(text, str) else text)


def packed(text: str) -> bytes:
    """The text as gz."""
    return gzip.compress(text.encode(), mtime=0)
