"""What keeps a run: the journal, the closed HDF5 file, and the reader of both."""
