/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/context.h"

#include "common/arena.h"
#include "common/fd.h"

#include <string.h>
#include <strings.h>

enum context_kind context_kind(const char *text)
{
	static const struct {
		const char *prefix;
		enum context_kind kind;
	} prefixes[] = {{"docker-image://", CONTEXT_IMAGE},
			{"oci-layout://", CONTEXT_IMAGE},
			{"http://", CONTEXT_HTTP},
			{"https://", CONTEXT_HTTP}};

	if (strcmp(text, "-") == 0)
		return CONTEXT_STDIN;
	if (git_is_source(text))
		return CONTEXT_GIT;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncasecmp(text, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
			return prefixes[i].kind;
	return CONTEXT_DIRECTORY;
}

int context_ignore(int directory, const char *dockerfile, struct ignore **out, struct error *err)
{
	auto_free char *own = dockerfile != NULL ? xprintf("%s.dockerignore", dockerfile) : NULL;
	const char *candidates[2] = {own, ".dockerignore"};
	auto_(buf) struct buf text = BUF_INIT;

	*out = NULL;
	for (int i = 0; i < 2; i++) {
		auto_fd int fd = -1;
		struct error missing = ERROR_INIT;

		if (candidates[i] == NULL)
			continue;
		/* O_NOFOLLOW: a link could show a host file's text in messages (CVE-2022-4122). */
		fd = open_beneath(directory, candidates[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
				  &missing);
		if (fd < 0 && missing.code == ERROR_NOT_FOUND)
			continue;
		if (fd < 0) {
			*err = missing;
			return -1;
		}
		if (read_all(fd, IGNORE_MAX_BYTES, &text, err) < 0)
			return error_add(err, "%s", candidates[i]);
		*out = ignore_parse(candidates[i], text.data, text.length, err);
		return *out != NULL ? 0 : -1;
	}
	return 0;
}

void context_release(struct context *c)
{
	cleanup_fd(&c->fd);
	ignore_free(c->ignore);
	c->ignore = NULL;
}

int context_open(struct store *s, int host_cwd, const char *text, const struct fetch_options *fetch,
		 int *directory, struct buf *dockerfile, struct error *err)
{
	(void)s;
	(void)fetch;
	(void)dockerfile;
	if (context_kind(text) != CONTEXT_DIRECTORY)
		return error_set(err, ERROR_USAGE, "%s is no directory", text);
	*directory = openat(host_cwd, text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *directory < 0 ? error_sys(err, "%s", text) : 0;
}
