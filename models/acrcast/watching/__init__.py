"""What becomes of a model while it serves: read from the audit's export, each patient once, with evidence that holds at all looks."""
