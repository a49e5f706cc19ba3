"""The Office hours page: schedules, their week, their form, and what the engine makes of them."""
