"""What a bench knows: columns, tables, cells, protocols, runs, limits. No I/O, no clock."""
