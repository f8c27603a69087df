"""The cases: each a module of its own with a function that takes the Run and adds its rows."""

import case_epochs
import case_metadata

CASES = {
    "metadata": case_metadata.measure,
    "epochs": case_epochs.measure,
}
