"""What gRPC reads from the environment only once in a process has to be there before any test."""

import os

from convsync.sandbox.certificate import this_process_certificate

# Assigned, not defaulted: some machines preset it.
os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(this_process_certificate().path)
os.environ["NO_PROXY"] = "localhost,127.0.0.1"
