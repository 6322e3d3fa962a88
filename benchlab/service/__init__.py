"""What keeps runs alive: channels, guardians, recordings; workers, hub and clients."""
