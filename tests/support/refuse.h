/* refuse - system calls that fail for this process and the daemons that it starts. */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

/* By a filter of seccomp(2), which lasts until the process ends: for programs with one test. Skips the test
 * if the kernel filters no calls. */
void refuse_calls(const struct sock_filter *code, size_t count);
