"""The one place that meets MLflow: the store, the runs of trainings, the registry, and models by `models:/NAME@alias`."""
