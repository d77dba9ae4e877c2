"""`python -m simulator`: see `server`."""
import sys

from .server import main

sys.exit(main())
