/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacked trees of the store: measuring them, and telling whether one is whole. */
#include "common/fd.h"
#include "layers/store_private.h"

#include <string.h>

/* Directories still to be entered, one rung per level. Trees may be deeper than descriptors or
   PATH_MAX allow, so only one directory is open at a time and the way up is "..". */
struct rung {
	struct arena names;
	const char **item;
	size_t count, next;
};

struct walk {
	struct rung *rungs;
	size_t depth;
	int at; /* the directory that the last rung lists */
	struct tree_size size;
};

static void walk_release(struct walk *w)
{
	for (size_t i = 0; i < w->depth; i++)
		arena_release(&w->rungs[i].names);
	free(w->rungs);
	cleanup_fd(&w->at);
}
DEFINE_CLEANUP_STRUCT(walk, struct walk, walk_release);

static void count_entry(struct tree_size *size, const struct stat *st)
{
	size->entries++;
	if (S_ISREG(st->st_mode))
		size->bytes += (uint64_t)st->st_size;
	if (S_ISDIR(st->st_mode) || st->st_nlink <= 1)
		size->disk += (uint64_t)st->st_blocks * 512;
	else
		size->disk += (uint64_t)st->st_blocks * 512 / st->st_nlink;
}

/* Counts what w->at holds and notes its directories in a new rung. */
static int list_directory(struct walk *w, struct error *err)
{
	struct rung *l;
	auto_(dir) DIR *d = NULL;
	int fd = reopen_dir(w->at, err);

	if (fd < 0)
		return -1;
	d = fdopendir(fd);
	if (d == NULL) {
		error_sys(err, "reading a tree");
		close(fd);
		return -1;
	}
	w->rungs = xgrow(w->rungs, w->depth, sizeof(*w->rungs));
	l = &w->rungs[w->depth++];
	*l = (struct rung){.names = ARENA_INIT};
	errno = 0;
	for (struct dirent *entry; (entry = readdir(d)) != NULL; errno = 0) {
		struct stat st;

		if (is_dot(entry->d_name))
			continue;
		if (fstatat(w->at, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_sys(err, "%s in a tree", entry->d_name);
		count_entry(&w->size, &st);
		if (!S_ISDIR(st.st_mode))
			continue;
		l->item = arena_grow(&l->names, l->item, l->count, sizeof(*l->item));
		l->item[l->count++] = arena_strdup(&l->names, entry->d_name);
	}
	return errno != 0 ? error_sys(err, "reading a tree") : 0;
}

static int move_to(struct walk *w, int fd, struct error *err)
{
	if (fd < 0)
		return error_sys(err, "walking a tree");
	close(w->at);
	w->at = fd;
	return 0;
}

int tree_measure(int fs, struct tree_size *out, struct error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	auto_(walk) struct walk w = {.at = reopen_dir(fs, err)};

	if (w.at < 0 || list_directory(&w, err) < 0)
		return -1;
	while (w.depth > 0) {
		struct rung *l = &w.rungs[w.depth - 1];

		if (l->next < l->count) {
			int fd = open_child(w.at, l->item[l->next++], O_RDONLY | O_DIRECTORY, 0,
					    err);

			if (fd < 0 || move_to(&w, fd, err) < 0 || list_directory(&w, err) < 0)
				return -1;
			continue;
		}
		arena_release(&l->names);
		w.depth--;
		if (w.depth > 0 && move_to(&w, openat(w.at, "..", flags), err) < 0)
			return -1;
	}
	*out = w.size;
	return 0;
}

static int open_fs(int dir, struct error *err)
{
	return open_child(dir, "fs", O_RDONLY | O_DIRECTORY, 0, err);
}

int tree_seal(int dir, const char *name, struct error *err)
{
	auto_(record) struct record meta = RECORD_INIT;
	auto_(buf) struct buf text = BUF_INIT;
	auto_fd int at = open_child(dir, name, O_RDONLY | O_DIRECTORY, 0, err);
	auto_fd int fs = at < 0 ? -1 : open_fs(at, err);
	struct tree_size size;

	if (fs < 0)
		return error_add(err, "a tree to publish");
	if (faccessat(at, "meta", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (tree_measure(fs, &size, err) < 0)
		return -1;
	record_addf(&meta, "entries", "%llu", (unsigned long long)size.entries);
	record_addf(&meta, "bytes", "%llu", (unsigned long long)size.bytes);
	record_render(&meta, TREE_KIND, &text);
	return replace_file(at, "meta", text.data, text.length, err);
}

int tree_check(int dir, struct error *err)
{
	auto_(record) struct record meta = RECORD_INIT;
	auto_fd int fs = open_fs(dir, err);
	struct tree_size size;
	uint64_t entries, bytes;

	if (fs < 0 || record_load(dir, "meta", TREE_KIND, &meta, err) < 0 ||
	    record_get_number(&meta, "entries", &entries, err) < 0 ||
	    record_get_number(&meta, "bytes", &bytes, err) < 0 || tree_measure(fs, &size, err) < 0)
		return 0;
	if (entries == size.entries && bytes == size.bytes)
		return 1;
	error_set(err, ERROR_FORMAT,
		  "it has %llu entries and %llu bytes, its meta says %llu and %llu",
		  (unsigned long long)size.entries, (unsigned long long)size.bytes,
		  (unsigned long long)entries, (unsigned long long)bytes);
	return 0;
}
