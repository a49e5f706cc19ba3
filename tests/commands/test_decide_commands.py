"""The terminal's decisions: from files alone, from a request, and again from the log."""

import io
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engines.contracts.requests import DecisionRequestDocument
from engines.contracts.results import DecisionType
from services.access import LOCAL_ADMIN
from services.bootstrap import open_database
from services.workflows.decide import ENGINES
from services.workflows.open_cluster import open_cluster
from services.workflows.recommend import Question, recommend
from tests.believable_cluster import believable_dump
from tests.builders import a_document, a_node
from tests.services.workflows.market import REGION, SPOT_MICRO_USD, ZONES, store_market

AT = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
NOW = "2026-08-01T12:00:00Z"


@pytest.fixture
def files(tmp_path):
    """A believable cluster and a market in which all pools are safe, as files."""
    (tmp_path / "cluster.json").write_bytes(believable_dump())
    prices = ["instance_type,availability_zone,region,product_description,spot_price,timestamp"]
    prices += [
        f"{name},{zone},{REGION},Linux/UNIX,{price / 1e6},{AT - timedelta(days=day):%FT%TZ}"
        for name, price in SPOT_MICRO_USD.items()
        for zone in ZONES
        for day in range(10)
    ]
    (tmp_path / "spot.csv").write_text("\n".join(prices) + "\n")
    advisor = ["region,operating_system,instance_type,interruption_bucket,savings_percent"]
    advisor += [f"{REGION},Linux,{name},0,60" for name in SPOT_MICRO_USD]
    (tmp_path / "advisor.csv").write_text("\n".join(advisor) + "\n")
    return tmp_path


def analyze_arguments(files, *more):
    return (
        "analyze",
        "--dump",
        str(files / "cluster.json"),
        "--prices",
        str(files / "spot.csv"),
        "--advisor",
        str(files / "advisor.csv"),
        "--now",
        NOW,
        *more,
    )


def test_analyze_answers_from_files_alone(terminal, files):
    done = terminal(*analyze_arguments(files, "--format", "json"))

    answer = json.loads(done.stdout)
    assert done.code == 0
    assert answer["generated_at"] == NOW
    assert answer["cluster"]["node_count"] == 42
    by_type = {one["decision_type"]: one for one in answer["decisions"]}
    assert set(by_type) == set(ENGINES)
    decision = by_type["spot_optimize"]
    assert decision["safety"]["action_taken"] == "approved"
    assert decision["estimated_savings"] > 0
    spot_prices = next(one for one in answer["inputs"] if one["kind"] == "spot_prices")
    assert (spot_prices["count"], spot_prices["age"]) == (240, 0.0)


def test_all_engines_together_answer_with_a_combined_plan(terminal, files):
    done = terminal(*analyze_arguments(files, "--format", "json"))

    combined = json.loads(done.stdout)["combined"]
    first, last = combined["stages"][0], combined["stages"][-1]
    assert first["cost_per_hour_before"] == combined["now"]["current_cost_per_hour"]
    assert last["decision_type"] == "spot_optimize"
    assert last["cost_per_hour_after"] == combined["cost_per_hour_after"]
    assert combined["cost_per_hour_after"] < combined["now"]["current_cost_per_hour"]


def test_one_engine_alone_has_no_combined_plan(terminal, files):
    done = terminal(*analyze_arguments(files, "--engine", "ghost_probe", "--format", "json"))

    answer = json.loads(done.stdout)
    assert [one["decision_type"] for one in answer["decisions"]] == ["ghost_probe"]
    assert answer["combined"] is None


def test_analyze_shows_people_tables(terminal, files):
    done = terminal(*analyze_arguments(files))

    assert done.code == 0
    assert "estimated savings, USD/month" in done.stdout
    assert "approved" in done.stdout
    assert str(files / "spot.csv") in done.stdout


def test_safety_limits_are_given_like_parameters(terminal, files):
    done = terminal(
        *analyze_arguments(files, "--engine", "spot_optimizer"),
        *("--param", "min_on_demand_share=0.5", "--format", "json"),
    )

    [decision] = json.loads(done.stdout)["decisions"]
    assert done.code == 0
    assert decision["safety"]["on_demand_share"] >= 0.5


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "[" * 100_000])
def test_what_is_no_json_is_a_text_and_no_number(terminal, files, text):
    """Numbers that JSON does not have are refused, with the parameter's name."""
    done = terminal(
        *analyze_arguments(files, "--engine", "spot_optimizer"),
        *("--param", f"required_vcpu={text}"),
    )

    assert done.code == 3
    assert "$.requirements.required_vcpu" in done.stderr
    assert done.stdout == ""


def test_an_unknown_parameter_is_bad_input_that_names_it(terminal, files):
    done = terminal(*analyze_arguments(files, "--param", "no_such=1"))

    assert done.code == 3
    assert "$.requirements" in done.stderr
    assert "no_such" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("analyze",), 2, "--dump"),
        (("analyze", "--dump", "nowhere.json"), 3, "nowhere.json"),
        (("analyze", "--dump", "{files}/spot.csv"), 3, "--prices"),
        (("analyze", "--dump", "{files}/cluster.json", "--prices", "{files}/cluster.json"), 3, ""),
        (("analyze", "--dump", "{files}/cluster.json", "--engine", "tetris"), 2, "tetris"),
        (("analyze", "--dump", "{files}/cluster.json", "--param", "x"), 2, "K=V"),
        (("schema", "rightsize_everything"), 2, "rightsize_everything"),
    ],
)
def test_what_cannot_be_used_is_named(terminal, files, arguments, code, message):
    done = terminal(*(one.format(files=files) for one in arguments))

    assert done.code == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("chosen", [(), ("--engine", "spot_optimizer")])
def test_decide_answers_one_request_from_standard_input(terminal, monkeypatch, chosen):
    document = a_document(a_node())
    request = DecisionRequestDocument(
        request_id="r-1",
        cluster_id="prod",
        decision_type=DecisionType.SPOT_OPTIMIZE,
        now=AT,
        current_state=msgspec.structs.replace(document, sources=None),
    )

    give(monkeypatch, msgspec.json.encode(request))

    done = terminal("decide", "spot_optimize", *chosen)

    answer = json.loads(done.stdout)
    assert done.code == 0
    assert (answer["request_id"], answer["status"]) == ("r-1", "refused")
    assert answer["reason"]


def test_decide_by_an_engine_of_another_type_is_wrong_usage(terminal):
    done = terminal("decide", "spot_optimize", "--engine", "bin_packing")

    assert done.code == 2
    assert "no engine 'bin_packing' answers spot_optimize" in " ".join(done.stderr.split())
    assert not done.stdout


def test_decide_names_the_path_of_what_is_wrong(terminal, monkeypatch):
    request = {
        "request_id": "r-1",
        "cluster_id": "prod",
        "decision_type": "spot_optimize",
        "now": NOW,
        "current_state": {"nodes": [], "bogus": 1},
    }

    give(monkeypatch, json.dumps(request).encode())

    done = terminal("decide", "spot_optimize")

    assert done.code == 3
    assert "$.current_state" in done.stderr
    assert "bogus" in done.stderr


def test_schema_describes_request_and_response(terminal):
    done = terminal("schema", "spot_optimize")

    schemas = json.loads(done.stdout)
    assert done.code == 0
    assert set(schemas) == {"request", "response"}
    assert "spot_to_spot_min_types" in done.stdout


def test_the_log_is_listed_and_a_decision_replayed(terminal):
    with open_database() as database:
        store_market(database, AT)
        open_cluster(database, name="prod", dump=a_document(a_node()), actor=LOCAL_ADMIN, at=AT)
        question = Question(cluster_id="prod", decision_type=DecisionType.SPOT_OPTIMIZE, as_of=AT)
        decision_id = recommend(database, question, actor=LOCAL_ADMIN, at=AT)

    history = terminal("decisions", "history", "--format", "json")
    again = terminal("decision", "replay", decision_id, "--format", "json")
    unknown = terminal("decision", "replay", 99)

    assert [one["id"] for one in json.loads(history.stdout)["items"]] == [decision_id]
    assert json.loads(again.stdout)["is_identical"] is True
    assert unknown.code == 1
    assert "decision 99 is not in the log" in unknown.stderr


def give(monkeypatch, content):
    """Let ``content`` stand on standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
