/* rlimits - resource limits of the process: the daemon lifts those that it inherits from the user's shell. */
#pragma once

/* Raises the limit of open descriptors as far as permitted, and returns it. */
unsigned rlimits_raise_descriptors(void);

/* Lifts the limit of file sizes: the kernel applies the caller's own limit to a write. */
void rlimits_lift_file_size(void);
