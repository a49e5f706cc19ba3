"""Decisions: the offline look, one request in and one answer out, schemas, the log and replays."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from commands.decision_tables import show_analysis, show_response
from commands.options import moment
from commands.output import (
    ExitCode,
    FormatOption,
    OutputFormat,
    print_facts,
    print_json,
    print_table,
)
from engines.contracts.errors import InvalidInputError
from engines.contracts.requests import parse_request
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.schemas import request_schema, response_schema
from engines.contracts.verdict import SafetyLimits, VerdictAction
from services.bootstrap import open_database
from services.workflows.analyze import AnalysisFiles, analyze
from services.workflows.browse_decisions import DecisionFilter, load_decision_page
from services.workflows.decide import ENGINES, decide
from services.workflows.recommend import replay

ALL_ENGINES = "all"
_TYPE_BY_ENGINE = {engine.name: decision_type for decision_type, engine in ENGINES.items()}

decisions = typer.Typer(
    help="The log of decisions.",
    epilog="Example: python cli.py decisions history",
    no_args_is_help=True,
)
decision = typer.Typer(
    help="One logged decision.",
    epilog="Example: python cli.py decision replay 17",
    no_args_is_help=True,
)

DumpOption = Annotated[
    list[Path],
    typer.Option(
        "--dump",
        metavar="PATH",
        help="What `kubectl get ... -A -o json` printed; a file or a folder; repeatable.",
    ),
]
FileOption = Path | None


def analyze_command(  # noqa: PLR0913, PLR0917 - one option a file
    dump: DumpOption,
    prices: Annotated[FileOption, typer.Option(help="Spot price history, CSV or JSON.")] = None,
    on_demand: Annotated[FileOption, typer.Option(help="On-demand prices, CSV.")] = None,
    advisor: Annotated[FileOption, typer.Option(help="Spot Advisor, JSON.")] = None,
    usage: Annotated[FileOption, typer.Option(help="Usage of containers, CSV.")] = None,
    traffic: Annotated[
        FileOption, typer.Option(help="Traffic between pods: CSV or a VPC flow log.")
    ] = None,
    instances: Annotated[
        FileOption, typer.Option(help="What `aws ec2 describe-instances` printed.")
    ] = None,
    volumes: Annotated[
        FileOption, typer.Option(help="What `aws ec2 describe-volumes` printed.")
    ] = None,
    instance_types: Annotated[
        FileOption, typer.Option(help="Instance types, CSV or `describe-instance-types` JSON.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help=f"{', '.join(sorted(_TYPE_BY_ENGINE))}, a decision type, or all.")
    ] = ALL_ENGINES,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="K=V", help="A parameter or limit, JSON; repeatable."),
    ] = None,
    now: Annotated[
        datetime | None,
        typer.Option(
            "--now", parser=moment, metavar="TIME", help="The moment to judge; default: now."
        ),
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """The offline look: decisions from files alone, without cluster access or a database.

    Exit code 4 tells that the safety layers rejected a plan; the answer is printed all the same.
    """
    files = AnalysisFiles(
        dump=tuple(dump),
        prices=prices,
        on_demand=on_demand,
        advisor=advisor,
        usage=usage,
        traffic=traffic,
        instances=instances,
        volumes=volumes,
        instance_types=instance_types,
    )
    today = datetime.now(UTC)
    result = analyze(
        files, _decision_types(engine), _parameters(param or []), now=now or today, today=today
    )
    if output is OutputFormat.JSON:
        print_json(result)
    else:
        show_analysis(result)
    _exit_by_verdict(*result.decisions)


def decide_command(
    decision_type: Annotated[DecisionType, typer.Argument(metavar="TYPE")],
    engine: Annotated[
        str | None, typer.Option(metavar="ID", help="Which engine answers; the built-in one.")
    ] = None,
) -> None:
    """Answer one DecisionRequest, read as JSON from standard input, with a DecisionResponse."""
    own = ENGINES[decision_type].name
    if engine not in {None, own}:
        raise typer.BadParameter(
            f"no engine {engine!r} answers {decision_type}; there is {own}", param_hint="--engine"
        )
    request = parse_request(sys.stdin.buffer.read())
    if request.decision_type is not decision_type:
        raise InvalidInputError(
            "$.decision_type",
            f"the request asks for {request.decision_type}, the command for {decision_type}",
            next_step="make the two agree",
        )
    response = decide(request)
    print_json(response)
    _exit_by_verdict(response)


def schema_command(
    decision_type: Annotated[DecisionType, typer.Argument(metavar="TYPE")],
) -> None:
    """Print the JSON Schemas of a decision's request and response."""
    engine = ENGINES.get(decision_type)
    if engine is None:
        raise _no_engine(decision_type)
    request = request_schema(engine.parameters, SafetyLimits)
    print_json({"request": request, "response": response_schema()})


@decisions.command("history", epilog="Example: python cli.py decisions history --limit 5")
def history(
    cluster: Annotated[str | None, typer.Option(help="Only this cluster.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """List logged decisions, newest first."""
    with open_database() as database:
        page = load_decision_page(database, DecisionFilter(cluster_id=cluster), limit=limit)
    if output is OutputFormat.JSON:
        print_json(page)
        return
    print_table(
        f"{len(page.items)} of {page.total} decisions",
        ("id", "made at", "cluster", "decision", "status", "savings USD/month", "verdict"),
        [
            (
                one.id,
                one.created_at,
                one.cluster_id,
                one.decision_type,
                one.status,
                round(one.estimated_savings, 2),
                one.action_taken,
            )
            for one in page.items
        ],
    )


@decision.command("replay", epilog="Example: python cli.py decision replay 17 --format json")
def replay_command(
    decision_id: Annotated[int, typer.Argument(metavar="ID")],
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Ask a logged decision again, with the data it was made on, and compare the answers."""
    with open_database() as database:
        result = replay(database, decision_id)
    if output is OutputFormat.JSON:
        print_json({"is_identical": result.is_identical, "answer": result.answer})
        return
    logged = result.logged.response
    print_facts(
        f"Decision {decision_id}, asked again",
        [
            ("the same answer", result.is_identical),
            ("engine then", f"{logged.engine.name} {logged.engine.version}"),
            ("engine now", f"{result.answer.engine.name} {result.answer.engine.version}"),
            ("savings then, USD/month", round(logged.estimated_savings, 2)),
            ("savings now, USD/month", round(result.answer.estimated_savings, 2)),
        ],
    )
    show_response(result.answer)


def _decision_types(name: str) -> list[DecisionType]:
    """The engines that were asked for, by engine name or decision type."""
    if name == ALL_ENGINES:
        return list(ENGINES)
    if name in _TYPE_BY_ENGINE:
        return [_TYPE_BY_ENGINE[name]]
    if name in ENGINES:
        return [DecisionType(name)]
    known = ", ".join(sorted({*_TYPE_BY_ENGINE, *ENGINES, ALL_ENGINES}))
    raise typer.BadParameter(f"no engine is called {name!r}; there are {known}")


def _no_engine(decision_type: DecisionType) -> InvalidInputError:
    return InvalidInputError(
        "TYPE",
        f"this version has no engine for {decision_type}",
        next_step=f"it has {', '.join(sorted(ENGINES))}",
    )


def _parameters(pairs: list[str]) -> dict[str, Any]:
    """K=V pairs; a value that is no JSON is taken as text, so that names need no quotes."""
    parameters: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--param {pair!r} is not of the form K=V")
        try:
            parameters[name] = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            parameters[name] = text
    return parameters


def _exit_by_verdict(*responses: DecisionResponse) -> None:
    """End with the code for "refused by safety" where a plan was rejected."""
    verdicts = [one.safety for one in responses if one.safety is not None]
    if any(one.action_taken is VerdictAction.REJECTED for one in verdicts):
        raise typer.Exit(ExitCode.REFUSED_BY_SAFETY)
