/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/layers_fixture.h"

static void round_trip_of_random_trees(void **state)
{
	struct scratch *s = *state;

	for (int i = 0; i < trials(200); i++) {
		struct rng rng = trial(s, i);
		auto_fd int tree = make_dir(s->dir, "tree");
		auto_fd int again = -1;
		auto_free char *before = NULL;
		auto_free char *after = NULL;
		struct layer layer, repacked;

		random_tree(&rng, tree, 3);
		before = dump_tree(tree, true);
		layer = pack_plain(s, tree, (enum compression)rng_below(&rng, 3));
		if (layer.empty) {
			assert_string_equal(before, "");
		} else {
			again = unpack_plain(s, &layer);
			after = dump_tree(again, true);
			assert_string_equal(before, after);
			repacked = pack_plain(s, again, layer.compression);
			assert_true(digest_equal(&layer.diff_id, &repacked.diff_id));
			assert_true(digest_equal(&layer.blob, &repacked.blob));
		}
		remove_dir(s->dir, "tree");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip_of_random_trees, scratch_open,
						scratch_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
