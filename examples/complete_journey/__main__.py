"""Run the conversion: `python -m examples.complete_journey --data DIR --out DIR`."""

import sys

from examples.complete_journey.convert import main

sys.exit(main())
