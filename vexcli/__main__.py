"""`python -m vexcli` is `vex`."""

from vexcli.app import main

if __name__ == "__main__":
    main()
