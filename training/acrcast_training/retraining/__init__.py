"""A new model in the place of the champion: trained on what is known now, compared with it, and reported on one page."""
