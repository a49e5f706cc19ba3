"""Office hours: when environments sleep, on a week's calendar, and what that saves."""

from ui.components.cards import show_heading
from ui.office_hours.view import choose_cluster, show_office_hours
from ui.session import require

user = require("viewer")

show_heading(
    "Office hours",
    "When each environment of a cluster sleeps; advice only, nothing is scaled in this version",
    level="title",
)
cluster = choose_cluster(user)
if cluster is not None:
    show_office_hours(cluster, user)
