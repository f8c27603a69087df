/* The identity of a file: its handle, and the nodeid derived from it. */
#include <string.h>

#include "fs/tree/tree_impl.h"

/* --- nodeids ---------------------------------------------------------------------------------- */

uint64_t tree_hash_identity(const struct identity *id)
{
	uint64_t h = hash_mix64(id->mount->ino_mix + (uint64_t)id->type);

	for (unsigned i = 0; i < id->bytes; i += 8) {
		uint64_t word = 0;

		memcpy(&word, id->data + i, MIN(8, id->bytes - i));
		h = hash_mix64(h ^ word) + i;
	}
	return h;
}

/* A handle that consists of a 32-bit inode number and its generation fits into a nodeid. Then the file can be
 * found again after FORGET, though nothing was remembered. */
bool tree_nodeid_pack(const struct tree *tree, const struct identity *id, uint64_t *nodeid)
{
	uint64_t ino;
	uint32_t gen;

	if (id->type != tree->packed_type || id->mount->ino_mix != 0)
		return false;
	if (id->type == HANDLE_INO32_GEN && id->bytes == 8) {
		uint32_t ino32;

		memcpy(&ino32, id->data, 4);
		memcpy(&gen, id->data + 4, 4);
		ino = ino32;
	} else if (id->type == XFS_HANDLE_INO64_GEN && id->bytes == 12) {
		memcpy(&ino, id->data, 8);
		memcpy(&gen, id->data + 8, 4);
	} else {
		return false;
	}
	if (ino > UINT32_MAX || ino == 0)
		return false;
	*nodeid = (uint64_t)gen << 32 | ino;
	return *nodeid > 1; /* 1 is the root's */
}

bool tree_nodeid_unpack(uint64_t nodeid, struct tree_mount *mount, int type, struct identity *id)
{
	uint64_t ino = nodeid & UINT32_MAX;
	uint32_t gen = nodeid >> 32;

	if (ino == 0 || (type != HANDLE_INO32_GEN && type != XFS_HANDLE_INO64_GEN))
		return false;
	id->mount = mount;
	id->type = type;
	if (type == HANDLE_INO32_GEN) {
		id->bytes = 8;
		memcpy(id->data, &ino, 4);
		memcpy(id->data + 4, &gen, 4);
	} else {
		id->bytes = 12;
		memcpy(id->data, &ino, 8);
		memcpy(id->data + 8, &gen, 4);
	}
	return true;
}

/* --- identities ------------------------------------------------------------------------------- */

void tree_identity_of(const struct inode *inode, struct identity *id)
{
	if (inode->handle_bytes == 0 &&
		tree_nodeid_unpack(inode->nodeid, inode->mount, inode->handle_type, id))
		return;
	id->mount = inode->mount;
	id->type = inode->handle_type;
	id->bytes = inode->handle_bytes;
	memcpy(id->data, inode->handle, id->bytes);
}

guint tree_named_id_hash(gconstpointer id)
{
	struct tree_named_id named;

	memcpy(&named, id, sizeof(named));
	return (guint)hash_mix64(named.ino ^ hash_mix64(named.birth_ns ^ hash_mix64(named.type_and_mount)));
}

gboolean tree_named_id_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct tree_named_id)) == 0;
}

bool tree_is(const struct inode *inode, const struct identity *id)
{
	struct identity own;

	if (tree_is_named(inode) && tree_named(inode)->gone)
		return false;
	tree_identity_of(inode, &own);
	return own.mount == id->mount && own.type == id->type && own.bytes == id->bytes &&
	       memcmp(own.data, id->data, id->bytes) == 0;
}
