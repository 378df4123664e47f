"""One patient in, one complete prediction out."""
