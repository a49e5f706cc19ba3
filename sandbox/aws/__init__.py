"""A pretend AWS account over HTTP on loopback, around moto's server."""
