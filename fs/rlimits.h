/* rlimits - resource limits of the process: the daemon lifts those that it inherits from the user's shell. */
#pragma once

/* Raises the limit of open descriptors as far as permitted, and returns it. */
unsigned rlimits_raise_descriptors(void);

/* Whether a thread that enters the scheduling class SCHED_IDLE may leave it again. */
enum leaving_idle {
	LEAVING_IDLE_IS_FORBIDDEN,
	LEAVING_IDLE_NEEDS_CAPABILITY, /* CAP_SYS_NICE, which this process has */
	LEAVING_IDLE_IS_FREE,
};
/* Raises RLIMIT_NICE if permitted, which makes it free. */
enum leaving_idle rlimits_raise_nice(void);

/* Lifts the limit of file sizes: the kernel applies the caller's own limit to a write. */
void rlimits_lift_file_size(void);
