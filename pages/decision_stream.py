"""Decision stream: every decision with its inputs, its verdict and its savings."""

from ui.components.cards import show_heading
from ui.decisions.live import show_stream
from ui.session import require

require("viewer")

show_heading("Decision stream", "Every decision, with what it was made of; live", level="title")
show_stream()
