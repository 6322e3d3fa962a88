"""What the driver and the simulator of the Neware BTS 8 share: frames, ratings, step files."""
