"""How good a model's risks are: pure statistics on risks and outcomes."""
