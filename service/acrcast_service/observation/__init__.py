"""What an operator sees of the server: a log line, metrics and traces of each request, and nothing of a patient."""
