"""Many patients in one request, each with an answer or an error of its own."""
