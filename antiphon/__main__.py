"""`python -m antiphon` is the command `antiphon`."""

import sys

from antiphon.cli.app import main

sys.exit(main())
