"""The OpenAPI document, and a page that shows it without fetching anything from elsewhere."""
