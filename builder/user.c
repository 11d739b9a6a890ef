/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/user.h"

#include "common/arena.h"
#include "common/fd.h"

#include <ctype.h>
#include <string.h>

/* Fields of one line of passwd or group, split at ':'. */
enum { FIELDS = 7 };
struct line {
	char *field[FIELDS];
	int count;
};

void user_release(struct user *u)
{
	free(u->groups);
	free(u->home);
	*u = (struct user){.uid = 0};
}

/* The file's text, or "" if the image has none. */
static int load(const struct stack *root, const char *path, struct buf *out, struct error *err)
{
	struct error missing = ERROR_INIT;
	auto_fd int fd = stack_open(root, path, &missing);
	struct stat st;

	if (fd < 0 && missing.code == ERROR_NOT_FOUND)
		return 0;
	if (fd < 0) {
		*err = missing;
		return -1;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(err, ERROR_FORMAT, "%s of the image is not a regular file", path);
	if (read_all(fd, USER_MAX_FILE, out, err) < 0)
		return error_add(err, "%s of the image", path);
	return 0;
}

/* Splits the next line off *text; false at the end. */
static bool next_line(char **text, struct line *out)
{
	char *line, *field;

	do {
		line = strsep(text, "\n");
	} while (line != NULL && (*line == '\0' || *line == '#'));
	if (line == NULL)
		return false;
	out->count = 0;
	while (out->count < FIELDS && (field = strsep(&line, ":")) != NULL)
		out->field[out->count++] = field;
	while (out->count < FIELDS)
		out->field[out->count++] = NULL;
	return true;
}

static bool is_number(const char *text)
{
	return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

static int parse_id(const char *text, const char *what, uint32_t *out, struct error *err)
{
	uint64_t value = 0;

	for (const char *c = text; *c != '\0'; c++) {
		value = value * 10 + (uint64_t)(*c - '0');
		/* 4294967295 is (uid_t)-1, which system calls take for "no change". */
		if (value > 4294967294U)
			return error_set(err, ERROR_USAGE, "%s %s is out of range", what, text);
	}
	*out = (uint32_t)value;
	return 0;
}

static bool id_field(const char *text, uint32_t *out)
{
	struct error ignored = ERROR_INIT;

	return text != NULL && is_number(text) && parse_id(text, "id", out, &ignored) == 0;
}

struct account {
	bool found;
	uint32_t uid, gid;
	char *name, *home; /* into the text */
};

/* By name, or by number if `by_uid`. Consumes the text. */
static struct account find_account(char *text, const char *name, bool by_uid, uint32_t uid)
{
	struct line l;

	while (next_line(&text, &l)) {
		struct account a = {.found = true, .name = l.field[0], .home = l.field[5]};

		if (!id_field(l.field[2], &a.uid) || !id_field(l.field[3], &a.gid))
			continue;
		if (by_uid ? a.uid == uid : strcmp(l.field[0], name) == 0)
			return a;
	}
	return (struct account){.found = false};
}

static int find_group(const struct stack *root, const char *name, uint32_t *out, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	char *at;
	struct line l;

	if (is_number(name))
		return parse_id(name, "group", out, err);
	if (load(root, "/etc/group", &text, err) < 0)
		return -1;
	at = text.data;
	while (next_line(&at, &l))
		if (strcmp(l.field[0], name) == 0 && id_field(l.field[2], out))
			return 0;
	error_set(err, ERROR_NOT_FOUND, "the image's /etc/group has no group %s", name);
	return error_hint(err, "add it with RUN addgroup or groupadd, or use a number");
}

static void add_group(struct user *u, gid_t gid)
{
	for (size_t i = 0; i < u->group_count; i++)
		if (u->groups[i] == gid)
			return;
	if (u->group_count == USER_MAX_GROUPS)
		return;
	u->groups = xgrow(u->groups, u->group_count, sizeof(*u->groups));
	u->groups[u->group_count++] = gid;
}

static int add_memberships(const struct stack *root, const char *name, struct user *u,
			   struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	char *at;
	struct line l;

	if (load(root, "/etc/group", &text, err) < 0)
		return -1;
	at = text.data;
	while (next_line(&at, &l)) {
		char *members = l.field[3], *member;
		uint32_t gid;

		if (members == NULL || !id_field(l.field[2], &gid))
			continue;
		while ((member = strsep(&members, ",")) != NULL)
			if (strcmp(member, name) == 0)
				add_group(u, gid);
	}
	return 0;
}

static int find_user(const struct stack *root, const char *name, bool explicit_group,
		     struct user *u, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	struct account a;
	uint32_t uid = 0;
	bool number = is_number(name);

	if (number && parse_id(name, "user", &uid, err) < 0)
		return -1;
	if (load(root, "/etc/passwd", &text, err) < 0)
		return -1;
	a = find_account(text.data, name, number, uid);
	if (!a.found && !number) {
		error_set(err, ERROR_NOT_FOUND, "the image's /etc/passwd has no user %s", name);
		return error_hint(err, "add it with RUN adduser or useradd, or use a number");
	}
	u->uid = a.found ? a.uid : uid;
	u->gid = a.found ? a.gid : 0;
	u->home = xstrdup(a.found && a.home != NULL && *a.home == '/' ? a.home : "/");
	if (explicit_group)
		return 0;
	add_group(u, u->gid);
	return a.found ? add_memberships(root, a.name, u, err) : 0;
}

int user_resolve(const struct stack *root, const char *text, struct user *out, struct error *err)
{
	auto_(user) struct user u = {.uid = 0};
	auto_free char *name = xstrdup(*text != '\0' ? text : "0");
	char *group = strchr(name, ':');
	uint32_t gid;

	if (group != NULL)
		*group++ = '\0';
	if (find_user(root, *name != '\0' ? name : "0", group != NULL, &u, err) < 0)
		return -1;
	if (group != NULL) {
		if (*group == '\0')
			return error_set(err, ERROR_USAGE, "the group in USER %s is empty", text);
		if (find_group(root, group, &gid, err) < 0)
			return -1;
		u.gid = gid;
		add_group(&u, gid);
	}
	*out = u;
	u = (struct user){.uid = 0};
	return 0;
}

int owner_resolve(const struct stack *root, const char *text, uid_t *uid, gid_t *gid,
		  struct error *err)
{
	auto_free char *name = xstrdup(text);
	auto_(user) struct user u = {.uid = 0};
	char *group = strchr(name, ':');
	uint32_t id = 0;

	if (group != NULL)
		*group++ = '\0';
	if (*name == '\0' || (group != NULL && *group == '\0'))
		return error_set(err, ERROR_USAGE, "the %s in --chown=%s is empty",
				 *name == '\0' ? "user" : "group", text);
	if (is_number(name)) {
		if (parse_id(name, "user", &id, err) < 0)
			return error_add(err, "--chown=%s", text);
		u.uid = id;
		u.gid = id;
	} else if (find_user(root, name, true, &u, err) < 0) {
		return error_add(err, "--chown=%s", text);
	}
	if (group != NULL) {
		if (find_group(root, group, &id, err) < 0)
			return error_add(err, "--chown=%s", text);
		u.gid = id;
	}
	*uid = u.uid;
	*gid = u.gid;
	return 0;
}
