"""Clusters: register, look at, check and remove."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.confirmation import confirmed_name
from commands.customers import ExternalIdOption, QueueUrlOption, RegionOption, RoleArnOption
from commands.output import (
    ExitCode,
    FormatOption,
    OutputFormat,
    note,
    print_facts,
    print_json,
    print_table,
)
from commands.secret_input import read_secret, read_text
from services.access import LOCAL_ADMIN
from services.bootstrap import open_database
from services.errors import InvalidInputError, NotFoundError
from services.findings import Finding, FindingState
from services.secrets import SecretBox, open_secret_box
from services.settings import load_settings
from services.workflows.browse_clusters import (
    Cluster,
    ClusterView,
    Database,
    find_cluster,
    load_cluster_view,
    load_clusters,
)
from services.workflows.browse_customers import Customer, find_customer
from services.workflows.register_cluster import (
    LOCAL_CUSTOMER,
    BearerToken,
    EksToken,
    KubeAccess,
    NewCluster,
    add_cluster,
    parse_kubeconfig,
    remove_cluster,
)
from services.workflows.register_customer import NewCustomer, add_customer

TOKEN_VARIABLE = "CLUSTER_TOKEN"  # noqa: S105 - the name of a variable
_BAD = (FindingState.FAILED, FindingState.MISSING)
_SEVERITY = (*_BAD, FindingState.WARNING, FindingState.SUPERFLUOUS, FindingState.HELD)

clusters = typer.Typer(
    help="Clusters that CloudOptim reads.",
    epilog="Example: python cli.py cluster list",
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(metavar="CLUSTER", help="Its name or id.")]


@clusters.command(
    "add",
    epilog="Example: python cli.py cluster add prod --endpoint https://k8s.example:6443 "
    "--ca-file ca.pem --token-file token",
)
def add(  # noqa: PLR0913, PLR0917 - one option a field
    name: Annotated[str, typer.Argument(metavar="NAME")],
    endpoint: Annotated[
        str | None, typer.Option(help="The API server, as `kubectl cluster-info` prints it.")
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The service account's token: a file, - for standard input, or the variable "
            f"{TOKEN_VARIABLE}.",
        ),
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="The cluster's certificate authority, PEM.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="A kubeconfig instead of endpoint, token and CA.")
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="Its context; default: the current one.")
    ] = None,
    eks_cluster: Annotated[
        str | None, typer.Option(help="Name in EKS: tokens are made by AWS IAM, none is stored.")
    ] = None,
    region: RegionOption = None,
    customer: Annotated[
        str | None,
        typer.Option(help="The customer; with AWS options one that is not there is registered."),
    ] = None,
    role_arn: RoleArnOption = None,
    external_id: ExternalIdOption = None,
    queue_url: QueueUrlOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Register a cluster. Nothing is installed in it; its state is read by the scheduler, or by
    `snapshot`."""
    access = _access(endpoint, token_file, ca_file, kubeconfig, context, eks_cluster)
    owner = NewCustomer(
        company=customer or "",
        role_arn=role_arn,
        external_id=external_id,
        aws_region=region,
        queue_url=queue_url,
    )
    box = open_secret_box(load_settings())
    now = datetime.now(UTC)
    with open_database() as database:
        owner_id = _owner_id(database, owner, box, now)
        new = NewCluster(name=name, access=access, region=region, customer_id=owner_id)
        cluster = add_cluster(database, new, secrets=box, actor=LOCAL_ADMIN, at=now)
    if output is OutputFormat.JSON:
        print_json(cluster)
    else:
        print_facts(f"Registered {cluster.name}", _registration(cluster))
        note(f"next: python cli.py cluster preflight {cluster.name}")


@clusters.command("list", epilog="Example: python cli.py cluster list --format json")
def list_clusters(output: FormatOption = OutputFormat.TABLE) -> None:
    """List the clusters with the age of what is known of them."""
    with open_database() as database:
        found = load_clusters(database)
    if output is OutputFormat.JSON:
        print_json({"clusters": found})
        return
    now = datetime.now(UTC)
    rows = [
        (
            one.name,
            one.customer_id,
            one.source,
            one.status,
            one.region,
            _age(one.latest_snapshot_at, now),
            one.last_read_error,
        )
        for one in found
    ]
    columns = ("cluster", "customer", "source", "status", "region", "state of", "last error")
    print_table("Clusters", columns, rows)


@clusters.command("show", epilog="Example: python cli.py cluster show prod")
def show(name: NameArgument, output: FormatOption = OutputFormat.TABLE) -> None:
    """Show what is known of a cluster, how old that is, and what the last reading lacked."""
    now = datetime.now(UTC)
    with open_database() as database:
        cluster = find_cluster(database, name)
        view = None
        if cluster.latest_snapshot_digest is not None:
            view = load_cluster_view(database, cluster.id, at=now)
    if output is OutputFormat.JSON:
        print_json({"cluster": cluster, "state": view})
        return
    print_facts(cluster.name, [*_registration(cluster), *_reading(cluster, now)])
    if view is not None:
        _show_state(view)
    _show_findings("What the last reading lacked", cluster.last_read_problems)


@clusters.command("remove", epilog="Example: python cli.py cluster remove prod --yes prod")
def remove(
    name: NameArgument,
    yes: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The cluster's name once more, to confirm."),
    ] = None,
) -> None:
    """Remove a cluster: its credential is deleted, its decisions stay.

    Without --yes the name is asked for on a terminal.
    """
    with open_database() as database:
        cluster = find_cluster(database, name)
        remove_cluster(
            database,
            cluster.id,
            confirmed_name=confirmed_name(cluster.name, yes),
            actor=LOCAL_ADMIN,
            at=datetime.now(UTC),
        )
    note(f"removed {cluster.name}; its credential is deleted, its decisions stay")


@clusters.command("preflight", epilog="Example: python cli.py cluster preflight prod")
def preflight(name: NameArgument, output: FormatOption = OutputFormat.TABLE) -> None:
    """Check everything that stands between CloudOptim and a cluster, with a remedy for each.

    Exit code 1 tells that something needed is missing, or that a check failed.
    """
    from services.workflows.preflight import preflight_cluster

    settings = load_settings()
    with open_database() as database:
        cluster = find_cluster(database, name)
        findings = preflight_cluster(
            database,
            cluster.id,
            secrets=open_secret_box(settings),
            settings=settings,
            actor=LOCAL_ADMIN,
            at=datetime.now(UTC),
        )
    if output is OutputFormat.JSON:
        print_json({"cluster": cluster.name, "findings": findings})
    else:
        _show_findings(f"Preflight of {cluster.name}", findings)
    if any(one.state in _BAD for one in findings):
        raise typer.Exit(ExitCode.FAILED)


def _access(
    endpoint: str | None,
    token_file: str | None,
    ca_file: Path | None,
    kubeconfig: Path | None,
    context: str | None,
    eks_cluster: str | None,
) -> KubeAccess:
    """The access that the options describe, by one of the three ways."""
    if kubeconfig is not None:
        if endpoint or token_file or ca_file or eks_cluster:
            raise typer.BadParameter("--kubeconfig holds endpoint, token and CA already")
        return parse_kubeconfig(read_text("kubeconfig", kubeconfig), context)
    if endpoint is None:
        raise typer.BadParameter("give --endpoint, or --kubeconfig")
    ca_pem = None if ca_file is None else read_text("certificate authority", ca_file)
    if eks_cluster is not None:
        credential = EksToken(cluster_name=eks_cluster)
        return KubeAccess(endpoint=endpoint, credential=credential, ca_pem=ca_pem)
    token = read_secret("token", token_file, TOKEN_VARIABLE)
    if token is None:
        raise typer.BadParameter(
            f"give --token-file (- for standard input), the variable {TOKEN_VARIABLE}, "
            "--eks-cluster or --kubeconfig"
        )
    return KubeAccess(endpoint=endpoint, credential=BearerToken(token=token), ca_pem=ca_pem)


def _owner_id(database: Database, owner: NewCustomer, box: SecretBox, now: datetime) -> str:
    """The customer that was named, registered with the AWS options if need be."""
    options = (owner.role_arn, owner.external_id, owner.queue_url)
    if not owner.company:
        if any(options):
            raise typer.BadParameter("the AWS options belong to a customer: give --customer too")
        return LOCAL_CUSTOMER
    known = _known_customer(database, owner.company)
    if known is None and any(options):
        return add_customer(database, owner, secrets=box, actor=LOCAL_ADMIN, at=now).id
    if known is not None and any(options):
        raise InvalidInputError(
            f"customer {known.company!r}",
            "is registered already, with AWS access of its own",
            next_step="leave --role-arn, --external-id and --queue-url out, or change them with "
            "customer edit",
        )
    return known.id if known else find_customer(database, owner.company).id


def _known_customer(database: Database, name: str) -> Customer | None:
    try:
        return find_customer(database, name)
    except NotFoundError:
        return None


def _registration(cluster: Cluster) -> list[tuple[str, object]]:
    return [
        ("id", cluster.id),
        ("customer", cluster.customer_id),
        ("source", cluster.source),
        ("status", cluster.status),
        ("mode", cluster.mode),
        ("endpoint", cluster.endpoint),
        ("credential", cluster.credential_kind),
        ("region", cluster.region),
    ]


def _reading(cluster: Cluster, now: datetime) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("state of", cluster.latest_snapshot_at),
        ("", _age(cluster.latest_snapshot_at, now)),
        ("last read", cluster.last_read_at),
        ("last error", cluster.last_read_error),
    ]
    if cluster.last_read_error is not None:
        facts.append(("", _age(cluster.last_error_at, now)))
    if cluster.baseline is not None:
        facts += [
            ("baseline, USD per core-hour", cluster.baseline.usd_per_vcpu_hour),
            ("baseline, USD per GiB-hour", cluster.baseline.usd_per_gib_hour),
            ("baseline frozen at", cluster.baseline.frozen_at),
        ]
    return facts


def _show_state(view: ClusterView) -> None:
    summary = view.summary
    print_facts(
        "\nState",
        [
            ("nodes", summary.node_count),
            ("of them Spot / on-demand", f"{summary.spot_count} / {summary.on_demand_count}"),
            ("pods", summary.pod_count),
            ("CPU requested", _percent(view.cpu_share)),
            ("memory requested", _percent(view.memory_share)),
            ("CPU used", _percent(view.cpu_use_share)),
            ("memory used", _percent(view.memory_use_share)),
            ("cost, USD/hour", round(summary.current_cost_per_hour, 4)),
        ],
    )
    rows = [
        (zone, sum(counts.values()), ", ".join(f"{name} {n}" for name, n in counts.items()))
        for zone, counts in view.zones.items()
    ]
    print_table("\nZones", ("zone", "nodes", "capacity types"), rows)


def _show_findings(title: str, findings: Sequence[Finding]) -> None:
    if findings:
        worst_first = sorted(findings, key=lambda one: (_SEVERITY.index(one.state), one.check))
        rows = [(one.state, one.check, one.message, one.remedy or None) for one in worst_first]
        print_table(f"\n{title}", ("state", "check", "seen", "remedy"), rows)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"


def _age(then: datetime | None, now: datetime) -> str | None:
    """How long ago, in the largest whole unit."""
    if then is None:
        return None
    seconds = max(0, int((now - then).total_seconds()))
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
