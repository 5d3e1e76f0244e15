"""What a person may see: the list of environments as a page and as JSON."""
