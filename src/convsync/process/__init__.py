"""The program on its machine: signals, files of its owner, processes beside it, spans."""
