"""``python -m authproxy`` is the same as ``authproxy``."""

from authproxy.cli import main

if __name__ == "__main__":
    main()
