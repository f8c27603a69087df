/* rlimits - the process's resource limits: those of the shell that mounted are not meant for a daemon. */
#pragma once

/* As many descriptors as are permitted; returns how many that is. */
unsigned rlimits_raise_descriptors(void);

/* The kernel holds a user's write to the user's own limit. */
void rlimits_lift_file_size(void);
