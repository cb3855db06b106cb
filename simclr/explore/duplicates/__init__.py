"""Near-duplicates: found, grouped, with a threshold chosen without labels."""
