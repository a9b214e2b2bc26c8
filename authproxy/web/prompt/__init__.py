"""The browser prompt: where users who log in to an application give their second factor."""
