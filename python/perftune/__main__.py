"""`python -m perftune` is the program `perftune` that this package brings."""

import os
import sys
import sysconfig


def program():
    """Where it was put: with the scripts of this Python, of the user, or of the folder that `pip install --target` was given."""
    folders = [
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")),
        os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin"),
    ]
    for folder in folders:
        path = os.path.join(folder, "perftune")
        if os.path.isfile(path):
            return path
    sys.exit("perftune: the program is in none of " + ", ".join(folders) + "; pip install --force-reinstall perftune")


if __name__ == "__main__":
    path = program()
    os.execv(path, [path] + sys.argv[1:])
