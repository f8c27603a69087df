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

static uint32_t next_pause_ms(const struct queue_class *queue, bool was_idle)
{
	if (queue->is_idle)
		return QUEUE_CLASS_IDLE_LOOK_MS;
	if (was_idle || queue->pause_ms == 0 || 2 * queue->pause_ms > QUEUE_CLASS_NORMAL_LOOK_MS)
		return QUEUE_CLASS_NORMAL_LOOK_MS;
	return 2 * queue->pause_ms;
}

bool queue_class_look(struct queue_class *queue, const struct queue_class_facts *facts, int64_t now_ms)
{
	int64_t ms = now_ms - queue->last_ms;
	uint64_t slices = facts->slices - queue->last.slices;
	bool is_busy = queue->is_known && slices * 1000 >= (uint64_t)ms * QUEUE_CLASS_BUSY;
	bool was_idle = queue->is_idle, waited = was_idle && had_to_wait(&queue->last, facts, ms);

	if (is_busy)
		queue->busy_ms = now_ms;
	if (!was_idle && is_busy && slices >= QUEUE_CLASS_FEWEST && now_ms >= queue->return_ms)
		enter(queue, now_ms);
	else if (waited)
		leave(queue, now_ms);
	else if (was_idle && now_ms - queue->busy_ms >= QUEUE_CLASS_NORMAL_LOOK_MS)
		queue->is_idle = false; /* there is nothing to gain, and a look each second is enough */
	queue->is_resting = !queue->is_known || (!queue->is_idle && !waited && slices == 0);
	queue->pause_ms = next_pause_ms(queue, was_idle);
	queue->last = *facts;
	queue->last_ms = now_ms;
	queue->is_known = true;
	return queue->is_idle;
}

void queue_class_wake(struct queue_class *queue, int64_t now_ms)
{
	if (!queue->is_resting)
		return;
	queue->is_resting = false;
	queue->last_ms = now_ms; /* it did nothing until now */
	queue->pause_ms = QUEUE_CLASS_FIRST_LOOK_MS;
}

int64_t queue_class_next_ms(const struct queue_class *queue)
{
	return queue->last_ms + queue->pause_ms;
}
