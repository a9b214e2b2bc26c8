"""The demonstration: a sample directory, the daemon, and an appliance that logs people in over UDP."""
