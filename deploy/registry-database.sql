-- MLflow's own database beside the audit's: run once, when PostgreSQL starts on an empty volume.
CREATE DATABASE registry;
