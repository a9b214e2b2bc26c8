"""Speaking to a second-factor service over HTTPS: Duo's cloud, or another authproxy."""
