/* SPDX-License-Identifier: Apache-2.0 */
/* What a copy depends on: type, mode, owner, size, target, attributes and content of each file, but
   not its times, so that a fresh checkout of the same files is a hit. */
#include "builder/copy.h"

#include "builder/copier.h"
#include "builder/hashers.h"
#include "builder/stat_cache.h"
#include "common/fd.h"
#include "layers/digest.h"

#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum { MAX_ATTRIBUTE = 64 * 1024 };

struct lister {
	const struct copy_options *o;
	struct buf *out;
	struct hashers *hashers;
	char *attribute;    /* room for the value of one */
	const char *source; /* the matched path that is being walked */
};

/* Names may hold anything but NUL; a line must stay a line. */
static void add_quoted(struct buf *out, const char *text)
{
	while (*text != '\0') {
		const char *plain = text;

		while ((unsigned char)*text >= 0x20 && *text != '%' && *text != 0x7f)
			text++;
		buf_add(out, plain, (size_t)(text - plain));
		if (*text != '\0')
			buf_printf(out, "%%%02x", (unsigned char)*text++);
	}
}

/* A blank and a number of at least `width` digits: printf() would take a tenth of the whole list.
 */
static void add_number(struct buf *out, uint64_t value, unsigned base, int width)
{
	char digits[32];
	size_t at = sizeof(digits);

	for (; value > 0 || width > 0; value /= base, width--)
		digits[--at] = (char)('0' + value % base);
	digits[--at] = ' ';
	buf_add(out, digits + at, sizeof(digits) - at);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_attribute(struct lister *l, int fd, const char *name, struct error *err)
{
	ssize_t n = fgetxattr(fd, name, l->attribute, MAX_ATTRIBUTE);

	if (n < 0)
		return error_sys(err, "reading attribute %s", name);
	buf_add_char(l->out, ' ');
	add_quoted(l->out, name);
	buf_add_char(l->out, '=');
	for (ssize_t i = 0; i < n; i++)
		buf_printf(l->out, "%02x", (unsigned char)l->attribute[i]);
	return 0;
}

/* Those that are copied, in an order that does not depend on the file system. */
static int list_attributes(struct lister *l, int fd, struct error *err)
{
	char small[256];
	auto_free char *large = NULL;
	auto_free char **sorted = NULL;
	char *names = small;
	ssize_t length = flistxattr(fd, small, sizeof(small));
	size_t count = 0;

	if (length < 0 && errno == ERANGE) {
		large = xmalloc(COPY_MAX_XATTR_LIST);
		names = large;
		length = flistxattr(fd, large, COPY_MAX_XATTR_LIST);
	}
	for (char *n = names; length > 0 && n < names + length; n += strlen(n) + 1) {
		if (!copy_takes_xattr(n))
			continue;
		sorted = xgrow(sorted, count, sizeof(*sorted));
		sorted[count++] = n;
	}
	if (count > 1)
		qsort(sorted, count, sizeof(*sorted), by_text);
	for (size_t i = 0; i < count; i++)
		if (list_attribute(l, fd, sorted[i], err) < 0)
			return -1;
	return 0;
}

static void add_content(struct lister *l, const struct stat *st, const struct digest *d)
{
	char text[DIGEST_TEXT_SIZE];

	add_number(l->out, (uint64_t)st->st_size, 10, 1);
	buf_add_char(l->out, ' ');
	buf_add(l->out, digest_text(d, text), DIGEST_TEXT_SIZE - 1);
}

/* Only what has no attributes is remembered. */
static int list_and_remember(struct lister *l, int fd, bool *remember, struct error *err)
{
	size_t length = l->out->length;

	if (list_attributes(l, fd, err) < 0)
		return -1;
	*remember = l->o->stats != NULL && l->out->length == length;
	return 0;
}

/* The digest takes the place that was kept for it. */
static void digest_known(void *user, const struct hashed *file)
{
	struct lister *l = user;
	char text[DIGEST_TEXT_SIZE];

	digest_text(&file->digest, text);
	memcpy(l->out->data + file->at, text, DIGEST_TEXT_SIZE - 1);
	if (file->remember)
		stat_cache_put(l->o->stats, &file->st, &file->digest);
}

static int list_file(struct lister *l, const struct walk_entry *e, struct error *err)
{
	struct hashed file = {.fd = -1};
	auto_fd int fd = -1;

	if (l->o->stats != NULL && stat_cache_get(l->o->stats, &e->st, &file.digest)) {
		add_content(l, &e->st, &file.digest);
		return 0;
	}
	if (l->o->known_only)
		return error_set(err, ERROR_NOT_FOUND, "%s is not known", e->path);
	fd = open_child(e->dir, e->name, O_RDONLY | O_NONBLOCK, 0, err);
	/* Of the file that is read: it may have been replaced since the walk saw it. */
	if (fd < 0 || (fstat(fd, &file.st) < 0 && error_sys(err, "reading") < 0))
		return error_add(err, "%s", e->path);
	add_content(l, &file.st, &file.digest);
	file.at = l->out->length - (DIGEST_TEXT_SIZE - 1);
	if (list_and_remember(l, fd, &file.remember, err) < 0)
		return error_add(err, "%s", e->path);
	file.fd = steal_fd(&fd);
	return hashers_add(l->hashers, &file, e->path, err);
}

static int list_directory(struct lister *l, const struct walk_entry *e, struct error *err)
{
	const struct digest nothing = {.sha256 = {0}};
	struct digest d;
	auto_fd int fd = -1;
	bool remember;

	if (l->o->stats != NULL && stat_cache_get(l->o->stats, &e->st, &d))
		return 0;
	if (l->o->known_only)
		return error_set(err, ERROR_NOT_FOUND, "%s is not known", e->path);
	fd = open_child(e->dir, e->name, O_RDONLY | O_DIRECTORY, 0, err);
	if (fd < 0)
		return error_add(err, "%s", e->path);
	if (list_and_remember(l, fd, &remember, err) < 0)
		return -1;
	if (remember)
		stat_cache_put(l->o->stats, &e->st, &nothing);
	return 0;
}

static int list_content(struct lister *l, const struct walk_entry *e, struct error *err)
{
	char target[PATH_MAX];
	ssize_t n;

	if (S_ISLNK(e->st.st_mode)) {
		n = readlinkat(e->dir, e->name, target, sizeof(target) - 1);
		if (n < 0)
			return error_sys(err, "%s", e->path);
		target[n] = '\0';
		buf_add_str(l->out, " -> ");
		add_quoted(l->out, target);
	} else if (S_ISREG(e->st.st_mode)) {
		return list_file(l, e, err);
	} else if (S_ISDIR(e->st.st_mode)) {
		return list_directory(l, e, err);
	} else if (S_ISCHR(e->st.st_mode) || S_ISBLK(e->st.st_mode)) {
		buf_printf(l->out, " %u:%u", major(e->st.st_rdev), minor(e->st.st_rdev));
	}
	return 0;
}

static int visit(void *user, const struct walk_entry *e, bool leaving, struct error *err)
{
	struct lister *l = user;
	/* A file's inode number tells which names are one file; it must not enter the key. */
	bool linked = S_ISREG(e->st.st_mode) && e->st.st_nlink > 1;

	if (leaving || S_ISSOCK(e->st.st_mode) || (S_ISDIR(e->st.st_mode) && *e->path == '\0'))
		return 0;
	if (l->o->foreign != NULL && (e->st.st_uid != 0 || e->st.st_gid != 0))
		*l->o->foreign = true;
	buf_add_str(l->out, "  ");
	add_quoted(l->out, l->source);
	if (*l->source != '\0' && *e->path != '\0')
		buf_add_char(l->out, '/');
	add_quoted(l->out, e->path);
	add_number(l->out, e->st.st_mode, 8, 6);
	if (l->o->spec->from.kind != FROM_CONTEXT && l->o->spec->chown == NULL)
		buf_printf(l->out, " %u:%u", e->st.st_uid, e->st.st_gid);
	if (linked) {
		buf_add_str(l->out, " linked");
		if (l->o->linked != NULL)
			*l->o->linked = true;
	}
	if (list_content(l, e, err) < 0)
		return -1;
	buf_add_char(l->out, '\n');
	return 0;
}

static int list_match(struct lister *l, const struct walk_options *tree, const char *path,
		      const char *written, struct error *err)
{
	auto_free char *base = walk_base(tree, path);
	int status;

	buf_add_str(l->out, "source ");
	add_quoted(l->out, path);
	buf_add_char(l->out, '\n');
	l->source = base;
	status = walk_tree(tree, path, written, visit, l, err);
	l->source = NULL;
	return status < 0 ? error_add(err, "%s", written) : 0;
}

/* As a file of that name: 160000 is what git gives a commit in a tree. */
static void list_remote(struct lister *l, const struct copy_source *source, const struct fetched *f)
{
	char text[DIGEST_TEXT_SIZE];

	buf_add_str(l->out, "  ");
	add_quoted(l->out, source->path);
	if (source->kind == SOURCE_GIT) {
		buf_printf(l->out, " 160000 %s\n", f->commit);
		return;
	}
	buf_printf(l->out, " 100600 %s %lld ", digest_text(&f->content, text), (long long)f->mtime);
	add_quoted(l->out, f->name);
	buf_add_char(l->out, '\n');
}

static int list_source(struct lister *l, const struct walk_options *tree,
		       const struct copy_source *source, struct error *err)
{
	char **paths;
	size_t count;
	int status = 0;

	if (walk_match(tree, source->path, source->written, &paths, &count, err) < 0)
		return -1;
	for (size_t j = 0; j < count; j++) {
		if (status == 0)
			status = list_match(l, tree, paths[j], source->written, err);
		free(paths[j]);
	}
	free(paths);
	return status;
}

int copy_list(const struct copy_options *o, struct buf *out, struct error *err)
{
	auto_(ignore) struct ignore *exclude = NULL;
	/* What is known must be little, and is looked at by a process that may have no threads. */
	auto_(scout) struct scout *scout = o->known_only ? NULL : scout_new();
	struct walk_options tree = {.root = o->source,
				    .ignore = o->ignore,
				    .parents = o->spec->parents,
				    .scout = scout};
	struct lister l = {.o = o, .out = out};
	int status = copy_excludes(o->spec, &exclude, err);

	tree.exclude = exclude;
	l.hashers = hashers_new(digest_known, &l);
	l.attribute = xmalloc(MAX_ATTRIBUTE);
	for (size_t i = 0; status == 0 && i < o->spec->source_count; i++) {
		if (o->spec->sources[i].kind == SOURCE_PATH)
			status = list_source(&l, &tree, &o->spec->sources[i], err);
		else
			list_remote(&l, &o->spec->sources[i], &o->fetched[i]);
	}
	if (status == 0)
		status = hashers_wait(l.hashers, err);
	hashers_free(l.hashers);
	free(l.attribute);
	return status;
}
