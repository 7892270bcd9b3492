"""Services of the machine: durable files, pipes, terminal, processes, compiled loops."""
