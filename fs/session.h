/*
 * session - one mount from start to end: makes the server's parts, mounts, answers requests, unmounts.
 */
#pragma once

struct options;

/* Takes the options over. Runs until the mount ends. ready() is called once, from another thread, when the
 * mount answers. Returns the process's exit status; errors have been said. */
int session_run(struct options *options, void (*ready)(void));
