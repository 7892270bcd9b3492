"""What the machine gives: durable files, pipes, terminal, processes, compiled loops."""
