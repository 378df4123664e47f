"""Who asks, what they may, and how much: API keys, tokens of an identity provider, limits."""
