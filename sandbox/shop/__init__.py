"""The pretend company: one cluster and the AWS account under it, as a newcomer finds them."""
