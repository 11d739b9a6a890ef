/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random steps through real overlay mounts: packed, unpacked elsewhere and stacked again they show
 * the same tree, and no layer holds more than it must.
 */
#include "layers/compare.h"
#include "tests/layers_overlay.h"

enum { STEPS = 3 };

/* --- steps through real overlays ------------------------------------------------------------ */

/* The line of a path in a dump, or NULL. */
static const char *line_of(const char *dump, const char *path, size_t *length)
{
	auto_(buf) struct buf key = BUF_INIT;
	const char *at = dump;

	buf_add_char(&key, '/');
	dump_hex(&key, path, strlen(path));
	/* dump_hex writes the slashes between components as they are. */
	buf_add_char(&key, ' ');
	while (at != NULL && strncmp(at, key.data, key.length) != 0) {
		at = strchr(at, '\n');
		at = at != NULL ? at + 1 : NULL;
	}
	if (at != NULL)
		*length = strcspn(at, "\n");
	return at;
}

struct minimal {
	const char *before, *after;
	int merged;
	char *wrong; /* the first entry that need not be in the layer */
};

static bool several_names(int merged, const char *path)
{
	struct stat st;

	return fstatat(merged, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
	       st.st_nlink > 1;
}

static void check_minimal(void *user, const char *path, enum entry_change change)
{
	struct minimal *m = user;
	size_t old_length = 0, new_length = 0;
	const char *old = line_of(m->before, path, &old_length);
	const char *new = line_of(m->after, path, &new_length);
	bool good = false;

	switch (change) {
	case ENTRY_REMOVED:
		good = old != NULL && new == NULL;
		break;
	case ENTRY_ADDED:
		/* Below an opaque directory everything is new. */
		good = new != NULL;
		break;
	case ENTRY_MODIFIED:
		good = old != NULL && new != NULL &&
		       (old_length != new_length || memcmp(old, new, new_length) != 0 ||
			several_names(m->merged, path));
		break;
	}
	if (!good && m->wrong == NULL)
		m->wrong = xprintf("%d %s", change, path);
}

/* Runs one step over lowers (the top first) and returns its upper; appends the unpacked layer to
   trees. */
static int run_step(struct scratch *s, struct rng *r, const int *lowers, size_t count, int number,
		    struct layer *layer)
{
	auto_free char *upper_name = xprintf("upper%d", number);
	auto_free char *work_name = xprintf("work%d", number);
	auto_fd int upper = make_dir(s->dir, upper_name);
	auto_fd int work = make_dir(s->dir, work_name);
	int merged = overlay_mount(s, lowers, count, upper, work);
	auto_free char *before = dump_tree(merged, false);
	auto_free char *after = NULL;
	struct minimal minimal = {.before = before};
	struct pack_options options = {
		.below = {.trees = lowers, .count = count},
		.epoch = -1,
		.visit = check_minimal,
		.user = &minimal,
	};
	struct error err = ERROR_INIT;

	for (unsigned i = rng_below(r, 12); i > 0; i--)
		mutate_once(r, merged);
	after = dump_tree(merged, false);
	minimal.after = after;
	minimal.merged = merged;
	must(layer_pack(upper, s->store, &options, layer, &err) == 0, &err);
	if (minimal.wrong != NULL)
		fail_msg("not minimal: %s", minimal.wrong);
	if (strcmp(before, after) == 0 && layer->removed == 0 && layer->added == 0)
		assert_int_equal(layer->modified, 0);
	overlay_umount(s, &merged);
	remove_dir(s->dir, work_name);
	return steal_fd(&upper);
}

/* Overlayfs breaks hard links when it copies up, layers keep them. */
static int only_links(void *user, const struct change *change)
{
	struct error *err = user;

	if (change->old != NULL && change->new != NULL && change->fields == FIELD_LINK &&
	    (change->old->hard_link || change->new->hard_link))
		return 0;
	return error_set(err, ERROR_BUG, "%s: kind %d fields %x",
			 change->new != NULL ? change->new->path : change->old->path, change->kind,
			 change->fields);
}

static void same_snapshot(struct scratch *s, const struct layer *layers, size_t count, int merged)
{
	auto_(snapshot) struct snapshot from_layers = SNAPSHOT_INIT;
	auto_(snapshot) struct snapshot from_tree = SNAPSHOT_INIT;
	struct error err = ERROR_INIT;

	must(snapshot_layers(s->store, layers, count, &from_layers, &err) == 0, &err);
	must(snapshot_directory(merged, &from_tree, &err) == 0, &err);
	must(snapshot_compare(&from_layers, &from_tree, 0, only_links, &err) >= 0, &err);
}

/* Every step is a layer; unpacked elsewhere and stacked again they show the same tree. */
static void one_history(struct scratch *s, struct rng *r)
{
	auto_fd int base = make_dir(s->dir, "base");
	auto_free char *expected = NULL;
	auto_free char *got = NULL;
	int lowers[STEPS + 1], trees[STEPS + 1], merged;
	struct layer layer, layers[STEPS + 1];
	size_t count = 0, tree_count = 0;

	random_tree(r, base, 2);
	layer = pack_plain(s, base, COMPRESS_NONE);
	if (layer.empty)
		return;
	lowers[STEPS] = base;
	layers[tree_count] = layer;
	trees[STEPS - tree_count++] = unpack_plain(s, &layer);
	for (count = 1; count <= STEPS; count++) {
		lowers[STEPS - count] =
			run_step(s, r, lowers + STEPS - count + 1, count, (int)count, &layer);
		if (layer.empty)
			continue;
		layers[tree_count] = layer;
		trees[STEPS - tree_count++] = unpack_plain(s, &layer);
	}
	merged = overlay_mount(s, lowers, STEPS + 1, -1, -1);
	expected = dump_tree(merged, false);
	same_snapshot(s, layers, tree_count, merged);
	overlay_umount(s, &merged);
	merged = overlay_mount(s, trees + STEPS + 1 - tree_count, tree_count, -1, -1);
	got = dump_tree(merged, false);
	overlay_umount(s, &merged);
	assert_string_equal(expected, got);
	for (size_t i = 0; i < STEPS; i++)
		close(lowers[i]);
	for (size_t i = STEPS + 1 - tree_count; i <= STEPS; i++)
		close(trees[i]);
}

static void histories_survive_packing(void **state)
{
	struct scratch *s = *state;

	for (int i = 0; i < trials(500); i++) {
		struct rng rng = trial(s, i);

		one_history(s, &rng);
		for (int step = 1; step <= STEPS; step++) {
			auto_free char *name = xprintf("upper%d", step);

			remove_dir(s->dir, name);
		}
		remove_dir(s->dir, "base");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(histories_survive_packing, scratch_open,
						scratch_close),
	};

	return cmocka_run_group_tests(tests, private_mounts, NULL);
}
