"""What was found, for people: tables and sheets in a folder."""
