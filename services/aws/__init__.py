"""Reading a remote AWS account and AWS's public price data."""
