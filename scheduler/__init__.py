"""The scheduler process: `python -m scheduler` runs the recurring jobs."""
