"""What a replay knows and asks, deliveries and runbook apart."""
