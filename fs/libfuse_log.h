/*
 * libfuse_log - what libfuse says. Until the mount is there it is the reason of a refusal, and a part of our
 * own line; from then on it goes to our log.
 */
#pragma once

void libfuse_log_begin(void);
void libfuse_log_mounted(void);
/* The last that it said before the mount was there; "" for nothing. */
const char *libfuse_log_reason(void);
