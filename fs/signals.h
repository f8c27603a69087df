/*
 * signals - what the daemon does on signals. SIGTERM, SIGINT and SIGQUIT end the mount, SIGHUP reloads its
 * rules. Signals like SIGUSR1 and SIGPIPE, which by default would end the process and leave a dead mount, are
 * ignored.
 *
 * One thread waits for signals. Threads that are started after signals_hold() receive none of these.
 */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct signals {
	void (*end)(void *context, int signal);
	void (*reload)(void *context);
	void *context;
	pthread_t thread;
	bool started;
	_Atomic bool stopping;
	sigset_t before;
};

/* Ignores the other signals that would end the process. Call at its start. */
void signals_ignore_others(void);
/* Blocks the signals that are waited for, in this thread and those that it starts from now on. */
void signals_hold(struct signals *signals);
/* Starts the thread, which calls end() and reload(). 0 or -errno. */
int signals_start(struct signals *signals);
/* Ends the thread and restores the signals' former mask. Legal without signals_start(). */
void signals_stop(struct signals *signals);
