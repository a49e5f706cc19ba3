"""The first visit: import three files, open a dump, dry-run, read the verdict, find it again."""

from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.believable_cluster import believable_dump
from tests.believable_market import CLUSTER, advisor_csv, on_demand_csv, spot_price_csv


def write_files(folder: Path) -> dict[str, Path]:
    """The files that a newcomer brings."""
    now = datetime.now(UTC)
    contents = {
        "spot.csv": spot_price_csv(now),
        "on-demand.csv": on_demand_csv(now),
        "advisor.csv": advisor_csv(),
        "cluster.json": believable_dump(taken_at=f"{now:%Y-%m-%dT%H:%M:%SZ}"),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


def test_from_an_empty_database_to_a_judged_plan(app: str, page: Page, tmp_path: Path):
    files = write_files(tmp_path)
    import_files(app, page, [files["on-demand.csv"], files["spot.csv"], files["advisor.csv"]])
    open_dump(app, page, files["cluster.json"])

    page.goto(f"{app}/optimize")
    page.get_by_role("button", name="Dry run").click()

    expect(page.get_by_text("Safety verdict")).to_be_visible()
    expect(page.locator(".co-card", has_text="Safety verdict")).to_contain_text("✓ Safe")
    assert "decision=1" in page.url
    page.get_by_role("tab", name="Verdict").click()
    expect(page.locator(".co-layers")).to_contain_text("On-demand buffer")
    page.get_by_role("tab", name="Proof").click()
    expect(page.get_by_text("Every pod was then placed: each found its place.")).to_be_visible()

    saved = page.locator(".co-card", has_text="against the cluster").inner_text()
    page.reload()
    expect(page.get_by_role("heading", name="How it was worked out")).to_be_visible()
    expect(page.locator(".co-card", has_text="against the cluster")).to_have_text(
        saved, use_inner_text=True
    )

    page.goto(f"{app}/decision_stream?decision=1")
    expect(page.get_by_text(f"Decision 1: Spot optimizer for {CLUSTER}")).to_be_visible()

    page.goto(app)
    expect(page.get_by_text("review the plan that saves")).to_be_visible()
    expect(page.locator(".co-feed")).to_contain_text("Spot optimizer: safe")


def import_files(app: str, page: Page, files: list[Path]) -> None:
    """Upload market files and wait until each is stored."""
    page.goto(f"{app}/pricing?pricing_tab=Import")
    page.locator(".st-key-pricing-files input[type=file]").set_input_files(files)
    for file in files:
        expect(page.locator(".st-key-pricing-files")).to_contain_text(file.name)
    page.get_by_role("button", name="Import", exact=True).click()
    for file in files:
        expect(page.get_by_text(f"{file.name} is stored")).to_be_visible()


def open_dump(app: str, page: Page, dump: Path) -> None:
    """Open the cluster from what kubectl printed."""
    page.goto(f"{app}/clusters")
    page.get_by_label("Name of the cluster").fill(CLUSTER)
    page.locator(".st-key-clusters-dump-files input[type=file]").set_input_files(dump)
    expect(page.locator(".st-key-clusters-dump-files")).to_contain_text(dump.name)
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("42 nodes")).to_be_visible()
    expect(page.locator(".co-card", has_text="Cost now")).to_be_visible()
