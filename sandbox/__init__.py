"""The pretend outside world: what tests, benches and the first start talk to instead of AWS."""
