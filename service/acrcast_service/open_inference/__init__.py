"""The Open Inference Protocol, version 2, over REST: for platforms that call every model in the same way."""
