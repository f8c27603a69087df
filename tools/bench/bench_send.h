/*
 * bench_send - a socket that takes data and drops it, so that sending can be measured without a receiver.
 *
 * UDP over the loopback interface, to a socket that nobody reads: once its buffer is full, the kernel drops
 * what comes. Until there the data takes the way of any sent data.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define BENCH_SEND_MOST 61440 /* bytes; a datagram */

/* Opens it; ends the program if that fails. For any number of threads. */
void bench_send_open(void);
/* read(2) and send(2): the data is copied to the buffer, and from it. */
void bench_send_read(int fd, off_t offset, void *buffer, size_t size);
/* sendfile(2). */
void bench_send_file(int fd, off_t offset, size_t size);
