"""The Waste page: ghosts and zombie volumes with their evidence, and what waits to be judged."""
