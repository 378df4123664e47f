"""What happened after a prediction."""
