"""The Overview page: figures, what to do next, trend, who causes the cost, activity, clusters."""
