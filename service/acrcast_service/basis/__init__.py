"""The page that shows what a prediction rests on."""
