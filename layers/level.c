/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/stack.h"

#include "common/arena.h"
#include "common/fd.h"
#include "common/listing.h"
#include "layers/whiteout.h"

#include <linux/openat2.h>
#include <string.h>

static int *level_slots(size_t count)
{
	return xcalloc(count + 1, sizeof(int));
}

void level_root(const struct stack *s, struct level *out)
{
	*out = (struct level){.trees = level_slots(s->count), .count = s->count, .borrowed = true};
	if (s->count > 0)
		memcpy(out->trees, s->trees, s->count * sizeof(*s->trees));
}

void level_release(struct level *l)
{
	for (size_t i = 0; i < l->count && !l->borrowed; i++)
		close(l->trees[i]);
	free(l->trees);
	*l = (struct level){.trees = NULL, .count = 0};
}

int level_stat(const struct level *l, const char *name, bool userxattr, bool *found,
	       struct stat *out, int *tree, struct error *err)
{
	(void)userxattr; /* a name is hidden by whiteouts alone; opaque marks count for descending
			  */
	for (size_t i = 0; i < l->count; i++) {
		struct stat st;

		if (fstatat(l->trees[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return error_sys(err, "%s", name);
		}
		*found = !whiteout_is(&st);
		if (*found) {
			*out = st;
			*tree = l->trees[i];
		}
		return 0;
	}
	*found = false;
	return 0;
}

int level_enter(const struct level *l, const char *name, bool userxattr, struct level *out,
		struct error *err)
{
	struct level below = {.trees = level_slots(l->count), .count = 0};
	bool opaque = false;

	for (size_t i = 0; i < l->count && !opaque; i++) {
		int fd = openat_policy(l->trees[i], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
				       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
			break;
		if (fd < 0) {
			error_sys(err, "%s", name);
			level_release(&below);
			return -1;
		}
		below.trees[below.count++] = fd;
		if (opaque_get(fd, userxattr, &opaque, err) < 0) {
			level_release(&below);
			return -1;
		}
	}
	*out = below;
	return 0;
}

int level_list(const struct level *l, bool userxattr, struct listing *out, struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		/* Of its own: the place in a directory is shared with whoever has the descriptor.
		 */
		auto_fd int own = l->borrowed ? reopen_dir(l->trees[i], err) : -1;

		if ((l->borrowed && own < 0) ||
		    listing_read(l->borrowed ? own : l->trees[i], out, err) < 0)
			return -1;
	}
	listing_sort(out);
	for (size_t i = 0; i < out->count; i++) {
		struct stat st;
		bool found = false;
		int tree;

		if (i > 0 && strcmp(out->item[i].name, out->item[i - 1].name) == 0)
			continue;
		if (level_stat(l, out->item[i].name, userxattr, &found, &st, &tree, err) < 0)
			return -1;
		if (found)
			out->item[kept++] = out->item[i];
	}
	out->count = kept;
	return 0;
}
