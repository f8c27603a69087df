/*
 * signals - what a mount does on signals: SIGTERM, SIGINT and SIGQUIT end it, SIGHUP has it read its rules
 * again; no other that a program may send takes the daemon away and leaves a dead mount behind.
 *
 * One thread waits for them. Threads that are started after signals_hold() never see one.
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

/* At the start of the process: what would end it and asks for nothing is ignored. */
void signals_ignore_others(void);
/* Those that are waited for do not reach this thread from now on. */
void signals_hold(struct signals *signals);
/* Calls back, in a thread of its own. 0 or -errno. */
int signals_start(struct signals *signals);
/* Legal without a start. From now on they do what they do to any program. */
void signals_stop(struct signals *signals);
