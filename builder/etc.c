/* SPDX-License-Identifier: Apache-2.0 */
/* The files of /etc that every RUN sees instead of its image's. */
#include "builder/run.h"

#include <string.h>

enum { MAX_ETC_FILE = 1024 * 1024 };

static const char *const names[ETC_FILES] = {"hosts", "hostname", "resolv.conf"};
const char *const etc_paths[ETC_FILES] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};

static void resolv_conf(struct build *b, struct buf *out)
{
	struct error ignored = ERROR_INIT;
	auto_fd int fd = -1;

	if (b->options->host_root >= 0)
		fd = open_in(b->options->host_root, "etc/resolv.conf", O_RDONLY | O_NONBLOCK, 0,
			     &ignored);
	if (fd >= 0)
		read_all(fd, MAX_ETC_FILE, out, &ignored);
}

const char *etc_hostname(const struct build *b)
{
	for (size_t i = 0; i < b->options->arg_count; i++)
		if (strcmp(b->options->args[i].name, "BUILDKIT_SANDBOX_HOSTNAME") == 0)
			return b->options->args[i].value;
	return "varve";
}

static void hosts(const struct build *b, struct buf *out)
{
	buf_printf(out, "127.0.0.1\tlocalhost %s\n", etc_hostname(b));
	buf_add_str(out, "::1\tlocalhost ip6-localhost ip6-loopback\n");
	for (size_t i = 0; i < b->options->host_count; i++)
		buf_printf(out, "%s\t%s\n", b->options->hosts[i].value, b->options->hosts[i].name);
}

int etc_make(struct build *b, struct error *err)
{
	int stage = store_stage(b->store, err);
	auto_fd int dir = -1;

	if (b->etc[0] >= 0)
		return 0;
	if (stage < 0)
		return -1;
	dir = mkdir_child(stage, "etc", 0755, err);
	if (dir < 0)
		return -1;
	for (int i = 0; i < ETC_FILES; i++) {
		auto_(buf) struct buf text = BUF_INIT;

		if (i == 0)
			hosts(b, &text);
		else if (i == 1)
			buf_printf(&text, "%s\n", etc_hostname(b));
		else
			resolv_conf(b, &text);
		if (replace_file(dir, names[i], text.data, text.length, err) < 0)
			return -1;
		b->etc[i] = open_child(dir, names[i], O_RDONLY, 0, err);
		if (b->etc[i] < 0)
			return -1;
	}
	return 0;
}
