"""dbt as the pipeline starts it: it ends when the process that started it does, however that ended."""

from __future__ import annotations

import os
import sys
import threading
import time


def _end_with_parent(parent: int) -> None:
    """End this process when its parent is gone: a build without its caller must not go on writing."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    from dbt.cli.main import cli

    sys.argv[0] = "dbt"
    cli()
