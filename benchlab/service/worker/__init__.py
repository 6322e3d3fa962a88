"""The worker: one process an instrument, with the runs and queues of its channels."""
