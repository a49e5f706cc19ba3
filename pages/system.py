"""System: is everything able to work, what runs by itself, how old are the data, what is set."""

from ui.components.cards import show_heading
from ui.session import require
from ui.system.jobs import show_jobs
from ui.system.view import show_data_ages, show_health, show_settings

user = require("viewer")

show_heading(
    "System", "Health of the program, its jobs, age of its data, settings in force", level="title"
)
show_health()
show_jobs(user)
show_data_ages()
show_settings()
