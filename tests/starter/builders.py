"""What the starter's tests share."""

CONNECTION = {
    "aws": {
        "endpoint_url": "http://127.0.0.1:5566",
        "region": "us-east-1",
        "access_key_id": "AKIASANDBOXOPERATOR0",
        "secret_access_key": "sandbox-secret",
        "role_arn": "arn:aws:iam::123456789012:role/CloudOptim",
        "external_id": "cloudoptim-sandbox-1",
        "queue_url": "http://127.0.0.1:5566/123456789012/cloudoptim-events",
    },
    "kubernetes": {
        "endpoint": "http://127.0.0.1:5567",
        "token": "sandbox-cloudoptim-1",
        "ca_pem": None,
        "cluster_name": "shop-prod",
    },
}


def a_connection(*, seed=1, aws_port=5566):
    """As the sandbox of a seed writes it."""
    endpoint = f"http://127.0.0.1:{aws_port}"
    aws = CONNECTION["aws"] | {
        "endpoint_url": endpoint,
        "external_id": f"cloudoptim-sandbox-{seed}",
        "queue_url": f"{endpoint}/123456789012/cloudoptim-events",
    }
    kubernetes = CONNECTION["kubernetes"] | {"token": f"sandbox-cloudoptim-{seed}"}
    return {"aws": aws, "kubernetes": kubernetes, "seed": seed}
