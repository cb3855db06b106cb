"""Notebooks that tests run."""

import os

from nbclient import NotebookClient


def run(notebook):
    """Runs one from top to bottom: what it printed, and its pictures."""
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": os.getcwd()}},
    )
    client.execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    said = "".join(o.get("text", "") for o in outputs)
    return said, [o for o in outputs if "image/png" in o.get("data", {})]
