"""The program on its machine: signals, private files, child processes, spans."""
