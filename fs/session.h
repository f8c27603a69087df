/*
 * session - one mount from start to end: creates the server, mounts, serves requests, unmounts.
 */
#pragma once

struct options;

/* Takes over the options. Runs until the mount ends. ready() is called once, from another thread, when the
 * mount answers. Returns the process's exit status, after logging errors. */
int session_run(struct options *options, void (*ready)(void));
