"""``make run``: brings the whole product up on one machine, and takes it down again."""
