#include "backends/node.h"
#include "cache/base/lock_order.h"
#include <stdlib.h>

void nodes_init(struct nodes *nodes)
{
	*nodes = (struct nodes){0};
	pthread_mutex_init(&nodes->lock, NULL);
}

void nodes_deinit(struct nodes *nodes)
{
	pthread_mutex_destroy(&nodes->lock);
}

/* The lock must be held. */
static struct node **nodes_slot(struct nodes *nodes, dev_t dev, ino_t ino)
{
	struct node **slot = &nodes->buckets[(ino ^ dev * 31) % NODE_BUCKETS];

	while (*slot && ((*slot)->ino != ino || (*slot)->dev != dev))
		slot = &(*slot)->next;
	return slot;
}

struct node *nodes_get(struct nodes *nodes, dev_t dev, ino_t ino)
{
	struct node *node, **slot;

	lock_take(&nodes->lock, LOCK_NODES);
	slot = nodes_slot(nodes, dev, ino);
	node = *slot;
	if (!node) {
		node = calloc(1, sizeof(*node));
		if (node) {
			node->dev = dev;
			node->ino = ino;
			*slot = node;
		}
	}
	if (node)
		node->refs++;
	lock_drop(&nodes->lock, LOCK_NODES);
	return node;
}

void nodes_put(struct nodes *nodes, struct node *node)
{
	struct node **slot;

	lock_take(&nodes->lock, LOCK_NODES);
	if (--node->refs == 0) {
		slot = nodes_slot(nodes, node->dev, node->ino);
		*slot = node->next;
		free(node);
	}
	lock_drop(&nodes->lock, LOCK_NODES);
}

void nodes_changed(struct nodes *nodes, dev_t dev, ino_t ino)
{
	struct node *node;

	lock_take(&nodes->lock, LOCK_NODES);
	node = *nodes_slot(nodes, dev, ino);
	if (node)
		node_changed(node);
	lock_drop(&nodes->lock, LOCK_NODES);
}
