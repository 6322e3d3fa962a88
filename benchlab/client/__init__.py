"""A bench as its clients see it: scripts, notebooks, the command line and the window alike."""
