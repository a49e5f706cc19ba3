"""Reading a remote Kubernetes cluster, and asking what may be done there."""
