"""System: is everything able to work, how old are the data, what is set, what was imported."""

from ui.components.cards import show_heading
from ui.session import require
from ui.system import show_data_ages, show_health, show_settings

require("viewer")

show_heading("System", "Health of the program, age of its data, settings in force", level="title")
show_health()
show_data_ages()
show_settings()
