"""acrcast over HTTP: how a response model is used.

`acrcast_service.app.create_app` makes the application, `acrcast serve` runs it.
"""
