"""acrcast: how a response model is made from trial data, compared, recorded and released."""
