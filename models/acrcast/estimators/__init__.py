"""The candidates, simplest first: how each is fitted to B resamples at once, and how it is applied."""
