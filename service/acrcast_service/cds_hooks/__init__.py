"""CDS Hooks 2.0: a card in the record system for a patient of the study."""
