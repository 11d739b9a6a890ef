/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_side.h"

#include "common/arena.h"

#include <fcntl.h>
#include <string.h>

void side_release(struct side *side)
{
	free(side->name);
	image_release(&side->image);
	*side = (struct side)SIDE_INIT;
}

static bool is_directory(const char *operand)
{
	return operand[0] == '/' || strcmp(operand, ".") == 0 || strcmp(operand, "..") == 0 ||
	       strncmp(operand, "./", 2) == 0 || strncmp(operand, "../", 3) == 0;
}

/* A number of at most three digits, more than any image has layers. */
static bool take_number(const char **at, size_t *out)
{
	const char *start = *at;

	*out = 0;
	while (**at >= '0' && **at <= '9' && *at - start < 3)
		*out = *out * 10 + (size_t)(*(*at)++ - '0');
	return *at > start;
}

/* "N" or "N..M"; anything else, such as a digest, belongs to the name. */
static bool parse_layers(struct side *side, const char *at)
{
	if (!take_number(&at, &side->from))
		return false;
	side->to = side->from;
	side->has_range = strncmp(at, "..", 2) == 0;
	if (side->has_range) {
		at += 2;
		if (!take_number(&at, &side->to))
			return false;
	}
	return *at == '\0';
}

static void split(struct side *side)
{
	const char *at = strrchr(side->text, '@');

	side->has_layer = at != NULL && parse_layers(side, at + 1);
	if (side->has_layer) {
		side->name = xstrndup(side->text, (size_t)(at - side->text));
		return;
	}
	side->has_range = false;
	side->name = xstrdup(side->text);
}

int side_resolve(struct side *side, struct store *s, const char *operand, struct error *err)
{
	size_t count;

	side->text = operand;
	side->directory = is_directory(operand);
	if (side->directory)
		return 0;
	split(side);
	if (image_resolve(s, side->name, &side->image, err) < 0)
		return -1;
	count = side->image.layer_count;
	if (side->has_layer && (side->from > count || side->to > count))
		return error_set(err, ERROR_NOT_FOUND, "%s: the image has %zu layers", operand,
				 count);
	return 0;
}

int side_tree(const struct side *side, struct store *s, struct snapshot *out, struct error *err)
{
	auto_fd int dir = -1;

	if (!side->directory)
		return snapshot_layers(s, side->image.layers,
				       side->has_layer ? side->to : side->image.layer_count, out,
				       err);
	dir = open(side->text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "%s", side->text);
	if (snapshot_directory(dir, out, err) < 0)
		return error_add(err, "%s", side->text);
	return 0;
}
