"""What watches the watchman: figures and health over plain HTTP."""
