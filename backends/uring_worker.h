/*
 * uring_worker - whether this thread has an io_uring worker.
 *
 * The kernel gives a request that would block to a worker that belongs to the submitting thread, and starts
 * one if there is none; the last worker stays. If the limit of tasks is reached, the request waits for ever.
 * So a thread whose worker does not start leaves its requests to a thread that had one from the start.
 */
#pragma once

#include <stdbool.h>

/* 0, or -errno where it did not start in that time. */
int uring_worker_start(unsigned limit_ms);

/* The first call of a thread tries to start one, if uring_worker_start() did not. */
bool uring_worker_is_there(void);
