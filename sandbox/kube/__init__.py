"""A pretend Kubernetes API server over HTTP, held against recordings of a real 1.36 server."""
