"""What is said of a served model on the command line and to Prometheus, and its recorded patients as a cohort."""
