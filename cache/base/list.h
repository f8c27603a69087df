/*
 * list - intrusive doubly linked lists: a node is a member of the struct that it links. Nothing is allocated,
 * nothing fails.
 *
 * A zeroed list is empty, a zeroed node is in no list, and both ends of a list are NULL. The list owns
 * nothing; its owner's lock protects it and all its nodes. Every operation is O(1).
 *
 *   struct reader { struct list_node node; … };
 *   struct reader *reader = list_entry(list.first, struct reader, node);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list_node {
	struct list_node *prev, *next;
};

struct list {
	struct list_node *first, *last;
};

/* The struct that contains the node; NULL for NULL. */
#define list_entry(node, type, member) ((type *)list_container((node), offsetof(type, member)))

/* Visits the entries from the first to the last. The body must not remove the present entry from the list. */
#define list_for_each(entry, list, member)                                               \
	for ((entry) = list_entry((list)->first, __typeof__(*(entry)), member); (entry); \
		(entry) = list_entry((entry)->member.next, __typeof__(*(entry)), member))

static inline void *list_container(const struct list_node *node, size_t offset)
{
	return node ? (char *)node - offset : NULL;
}

/* The node must be in no list. */
static inline void list_push_first(struct list *list, struct list_node *node)
{
	node->prev = NULL;
	node->next = list->first;
	if (list->first)
		list->first->prev = node;
	else
		list->last = node;
	list->first = node;
}

/* The node must be in no list. */
static inline void list_push_last(struct list *list, struct list_node *node)
{
	node->prev = list->last;
	node->next = NULL;
	if (list->last)
		list->last->next = node;
	else
		list->first = node;
	list->last = node;
}

/* Whether the node is in this list; it must be in no other. */
static inline bool list_has(const struct list *list, const struct list_node *node)
{
	return node->prev || list->first == node;
}

/* The node must be in this list. */
static inline void list_remove(struct list *list, struct list_node *node)
{
	if (node->prev)
		node->prev->next = node->next;
	else
		list->first = node->next;
	if (node->next)
		node->next->prev = node->prev;
	else
		list->last = node->prev;
	*node = (struct list_node){0};
}
