"""acrcast: what a response model is.

The core needs numpy and pydantic only. Load a model with `acrcast.artefact.load`, predict with
`ResponseModel.predict`.
"""

__version__ = "0.1.0"
