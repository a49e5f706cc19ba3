"""A small market and the believable cluster, stored through the product's own workflows."""

from datetime import UTC, datetime, timedelta

from db.session import Database
from services.access import LOCAL_ADMIN
from services.files.kubernetes_dump import read_dump_files
from services.files.source import SourceFile
from services.workflows.import_market_data import import_market_file
from services.workflows.open_cluster import open_cluster
from tests.believable_cluster import REGION, ZONES, believable_dump

CLUSTER = "prod-us-east-1"
# type: vCPU, GiB, on-demand USD/h, Spot USD/h in the three zones, Spot Advisor's bucket
MARKET = {
    "m5.xlarge": (4, 16, "0.192", ("0.0700", "0.0720", "0.0740"), 0),
    "m5a.xlarge": (4, 16, "0.172", ("0.0600", "0.0610", "0.0620"), 0),
    "m6i.xlarge": (4, 16, "0.192", ("0.0650", "0.0660", "0.0670"), 1),
    "c5.2xlarge": (8, 16, "0.340", ("0.1300", "0.1310", "0.1320"), 0),
    "c6i.2xlarge": (8, 16, "0.340", ("0.1250", "0.1260", "0.1270"), 0),
    "r5.xlarge": (4, 32, "0.252", ("0.0900", "0.0910", "0.0920"), 0),
    "r6i.xlarge": (4, 32, "0.252", ("0.0850", "0.0860", "0.0870"), 1),
    "m5.4xlarge": (16, 64, "0.768", ("0.2800", "0.2810", "0.2820"), 2),
    "m5.large": (2, 8, "0.096", ("0.0350", "0.0360", "0.0370"), 4),
}


def spot_price_csv(now: datetime) -> bytes:
    """Ten days of prices that repeat once a day, the last an hour before ``now``."""
    lines = ["instance_type,availability_zone,region,product_description,spot_price,timestamp"]
    for name, (_, _, _, prices, _) in MARKET.items():
        for zone, price in zip(ZONES, prices, strict=True):
            for day in range(10):
                at = now - timedelta(days=day, hours=1)
                lines.append(f"{name},{zone},{REGION},Linux/UNIX,{price},{at:%Y-%m-%dT%H:%M:%SZ}")
    return "\n".join(lines).encode()


def advisor_csv() -> bytes:
    """Spot Advisor's rates of the same types."""
    lines = ["region,operating_system,instance_type,savings_percent,interruption_bucket"]
    for name, (_, _, _, _, bucket) in MARKET.items():
        lines.append(f"{REGION},Linux,{name},62,{bucket}")
    return "\n".join(lines).encode()


def on_demand_csv(now: datetime) -> bytes:
    """List prices of the same types."""
    lines = ["region,instance_type,operating_system,hourly_price,effective_date"]
    since = now - timedelta(days=20)
    for name, (_, _, price, _, _) in MARKET.items():
        lines.append(f"{REGION},{name},Linux,{price},{since:%Y-%m-%d}")
    return "\n".join(lines).encode()


def instance_types_csv() -> bytes:
    """What the same types offer."""
    lines = ["instance_type,vcpu,memory_mib,architecture"]
    for name, (vcpu, gib, *_) in MARKET.items():
        lines.append(f"{name},{vcpu},{gib * 1024},amd64")
    return "\n".join(lines).encode()


def import_market(database: Database) -> None:
    """Store the whole market as of now."""
    now = datetime.now(UTC)
    for name, content in (
        ("on-demand.csv", on_demand_csv(now)),
        ("instance-types.csv", instance_types_csv()),
        ("spot.csv", spot_price_csv(now)),
        ("advisor.csv", advisor_csv()),
    ):
        import_market_file(database, SourceFile.of_bytes(name, content))


def open_believable_cluster(database: Database, name: str = CLUSTER) -> None:
    """Open the believable cluster, dumped just now."""
    now = datetime.now(UTC)
    dump = believable_dump(taken_at=f"{now:%Y-%m-%dT%H:%M:%SZ}")
    state = read_dump_files([(SourceFile.of_bytes("cluster.json", dump), True)])
    open_cluster(database, name=name, dump=state, actor=LOCAL_ADMIN, at=now)
