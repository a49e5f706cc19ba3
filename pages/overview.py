"""Overview: what the clusters cost, what could be saved, and what to do next."""

from ui.components.cards import show_heading
from ui.overview import show_overview
from ui.session import require

require("viewer")

show_heading("Overview", "Cost, savings and what to do next; refreshed every minute", level="title")
show_overview()
