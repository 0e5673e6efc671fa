"""How fast convsync is, beside what the same work needs at the least, and beside others.

`make bench` runs this package, `make bench-peers` its module `peers`, `make profile` its module
`stages`. Each prints its figures and writes its part of docs/benchmarks.md.

CPU seconds decide wherever they can: other work on the machine makes the wall clock longer, and the
processor's hardly. Everything that is measured runs in a process of its own, by the command that an
operator would type.
"""
