#include "cache/policy/queue_class.h"

/* A thread that waits now has not been charged for that wait yet. */
static bool had_to_wait(
	const struct queue_class_facts *since, const struct queue_class_facts *now, int64_t ms)
{
	uint64_t slices = now->slices - since->slices, wait_ns = now->wait_ns - since->wait_ns;

	if (slices == 0)
		return now->runnable && now->run_ns == since->run_ns;
	return wait_ns / 1000 > slices * QUEUE_CLASS_WAIT_US &&
	       wait_ns * QUEUE_CLASS_WAIT_SHARE > (uint64_t)ms * 1000000;
}

static void enter(struct queue_class *queue, int64_t now_ms)
{
	queue->is_idle = true;
	queue->since_ms = queue->busy_ms = now_ms;
}

static void leave(struct queue_class *queue, int64_t now_ms)
{
	if (now_ms - queue->since_ms >= queue->penalty_ms)
		queue->penalty_ms = QUEUE_CLASS_PENALTY_MS;
	else if (queue->penalty_ms < QUEUE_CLASS_PENALTY_MAX_MS)
		queue->penalty_ms *= 2;
	queue->is_idle = false;
	queue->return_ms = now_ms + queue->penalty_ms;
	queue->returns++;
}

bool queue_class_look(struct queue_class *queue, const struct queue_class_facts *facts, int64_t now_ms)
{
	int64_t ms = now_ms - queue->last_ms;
	uint64_t slices = facts->slices - queue->last.slices;
	bool is_busy = queue->is_known && slices * 1000 >= (uint64_t)ms * QUEUE_CLASS_BUSY;

	if (is_busy)
		queue->busy_ms = now_ms;
	if (!queue->is_idle && is_busy && now_ms >= queue->return_ms)
		enter(queue, now_ms);
	else if (queue->is_idle && had_to_wait(&queue->last, facts, ms))
		leave(queue, now_ms);
	else if (queue->is_idle && now_ms - queue->busy_ms >= QUEUE_CLASS_NORMAL_LOOK_MS)
		queue->is_idle = false; /* there is nothing to gain, and a look each second is enough */
	queue->last = *facts;
	queue->last_ms = now_ms;
	queue->is_known = true;
	return queue->is_idle;
}

int64_t queue_class_next_ms(const struct queue_class *queue)
{
	return queue->last_ms + (queue->is_idle ? QUEUE_CLASS_IDLE_LOOK_MS : QUEUE_CLASS_NORMAL_LOOK_MS);
}
