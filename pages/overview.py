"""Overview: what the clusters cost, what could be saved, and what to do next."""

from ui.components.cards import show_heading
from ui.overview.view import show_overview
from ui.session import require

require("viewer")

show_heading("Overview", "Cost, savings and what to do next; refreshed by itself", level="title")
show_overview()
