"""Where the time of a run goes: some steps traced and taken apart."""
