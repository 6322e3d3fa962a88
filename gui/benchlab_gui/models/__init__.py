"""Item models over tables: no widgets."""
