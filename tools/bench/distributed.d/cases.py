"""The cases: each is a module of its own, with a function that takes the Run and adds rows to it."""

import case_epochs
import case_metadata
import case_streams

CASES = {
    "metadata": case_metadata.measure,
    "epochs": case_epochs.measure,
    "streams": case_streams.measure,
}
