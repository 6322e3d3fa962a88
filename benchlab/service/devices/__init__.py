"""What stands around the cells: a process each for a sensor, a chamber, or a board of relays."""
