"""Dataset and configuration -> run folder."""
