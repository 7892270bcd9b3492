"""``python -m empnet`` is the command line."""

from empnet.cli import main

if __name__ == "__main__":
    main()
