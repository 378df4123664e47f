"""What may be looked at every week: evidence against a model, and figures, that hold at all looks together. Pure statistics."""
