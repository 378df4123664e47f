"""What whoever runs the server sees of it: what became of its predictions, and whether they still mean what they say."""
