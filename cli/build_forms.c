/* SPDX-License-Identifier: Apache-2.0 */
/* The values of single options of `varve build`. */
#include "cli/build_options.h"

#include "cli/fields.h"
#include "common/fd.h"
#include "layers/platform.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* --- --add-host ---------------------------------------------------------------------------- */

static bool is_address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

int host_parse(struct arena *arena, const char *text, struct build_arg *out, struct error *err)
{
	size_t length = strcspn(text, "=:");
	const char *address = text[length] != '\0' ? text + length + 1 : "";
	size_t end = strlen(address);

	if (length == 0 || *address == '\0') {
		error_set(err, ERROR_USAGE, "--add-host=%s: no address or no name", text);
		return error_hint(err, "write NAME:ADDRESS, such as db:10.0.0.2");
	}
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && strchr("-._", text[i]) == NULL)
			return error_set(err, ERROR_USAGE, "--add-host=%s: %.*s is no host name",
					 text, (int)length, text);
	if (strcmp(address, "host-gateway") == 0) {
		error_set(err, ERROR_USAGE,
			  "--add-host=%s: there is no gateway to the host, because there is no "
			  "daemon with a bridge",
			  text);
		return error_hint(err, "with --network=host the host is localhost");
	}
	out->value = *address == '[' && address[end - 1] == ']'
			     ? arena_strndup(arena, address + 1, end - 2)
			     : address;
	if (!is_address(out->value))
		return error_set(err, ERROR_USAGE, "--add-host=%s: %s is no IP address", text,
				 out->value);
	out->name = arena_strndup(arena, text, length);
	return 0;
}

/* --- --ulimit ------------------------------------------------------------------------------ */

static const struct limit_name {
	const char *name;
	int resource;
} limit_names[] = {
	{"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
	{"data", RLIMIT_DATA},         {"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS},       {"memlock", RLIMIT_MEMLOCK},
	{"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
	{"nofile", RLIMIT_NOFILE},     {"nproc", RLIMIT_NPROC},
	{"rss", RLIMIT_RSS},           {"rtprio", RLIMIT_RTPRIO},
	{"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
	{"stack", RLIMIT_STACK},
};

static bool limit_value(const char *text, uint64_t *out)
{
	char *end;

	if (strcmp(text, "-1") == 0 || strcmp(text, "unlimited") == 0) {
		*out = RLIM_INFINITY;
		return true;
	}
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0;
}

int limit_parse(struct arena *arena, const char *text, struct build_limit *out, struct error *err)
{
	const char *equals = strchr(text, '='), *colon;
	struct build_limit l = {.resource = -1};

	if (equals == NULL) {
		error_set(err, ERROR_USAGE, "--ulimit=%s: no value", text);
		return error_hint(err, "write NAME=SOFT[:HARD], such as nofile=1024:4096");
	}
	l.name = arena_strndup(arena, text, (size_t)(equals - text));
	for (size_t i = 0; i < sizeof(limit_names) / sizeof(limit_names[0]); i++)
		if (strcmp(l.name, limit_names[i].name) == 0)
			l.resource = limit_names[i].resource;
	if (l.resource < 0)
		return error_set(err, ERROR_USAGE, "--ulimit=%s: there is no limit called %s", text,
				 l.name);
	colon = strchr(equals, ':');
	if (!limit_value(colon == NULL
				 ? equals + 1
				 : arena_strndup(arena, equals + 1, (size_t)(colon - equals - 1)),
			 &l.soft))
		return error_set(err, ERROR_USAGE, "--ulimit=%s: the soft limit is no number",
				 text);
	l.hard = l.soft;
	if (colon != NULL && !limit_value(colon + 1, &l.hard))
		return error_set(err, ERROR_USAGE, "--ulimit=%s: the hard limit is no number",
				 text);
	if (l.soft > l.hard)
		return error_set(err, ERROR_USAGE,
				 "--ulimit=%s: the soft limit is above the hard one", text);
	*out = l;
	return 0;
}

/* --- --annotation -------------------------------------------------------------------------- */

static unsigned annotation_type(const char *name, size_t length)
{
	static const char *const names[] = {"manifest", "index", "manifest-descriptor",
					    "index-descriptor"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
			return 1u << i;
	return 0;
}

/* "index,manifest[linux/arm64]": false if it is something else, such as the start of a key. */
static bool annotation_types(struct arena *arena, const char *text, size_t length,
			     struct build_annotation *out, const char **platform)
{
	const char *end = text + length;

	*platform = NULL;
	for (const char *at = text; at < end;) {
		size_t word = strcspn(at, ",[:"), inner;
		unsigned type = annotation_type(at, word);

		if (type == 0)
			return false;
		out->on |= type;
		at += word;
		if (at < end && *at == '[') {
			inner = strcspn(at + 1, "]");
			if (at + 1 + inner >= end)
				return false;
			*platform = arena_strndup(arena, at + 1, inner);
			at += inner + 2;
		}
		if (at < end && *at++ != ',')
			return false;
	}
	return length > 0;
}

int annotation_parse(struct arena *arena, const char *text, struct build_annotation *out,
		     struct error *err)
{
	const char *equals = strchr(text, '='), *colon = strchr(text, ':'), *platform;
	struct build_annotation a = {.on = 0};
	struct platform p;

	if (equals == NULL || equals == text) {
		error_set(err, ERROR_USAGE, "--annotation=%s: no %s", text,
			  equals == NULL ? "value" : "key");
		return error_hint(err, "write [TYPE:]KEY=VALUE; types are manifest, index, "
				       "manifest-descriptor, index-descriptor");
	}
	if (colon != NULL && colon < equals &&
	    annotation_types(arena, text, (size_t)(colon - text), &a, &platform)) {
		if (platform != NULL) {
			if (platform_parse(arena, platform, &p, err) < 0)
				return error_add(err, "--annotation=%s", text);
			a.platform = platform_text(arena, &p);
		}
		text = colon + 1;
	} else {
		a.on = ANNOTATE_MANIFEST;
	}
	a.key = arena_strndup(arena, text, (size_t)(equals - text));
	a.value = equals + 1;
	if (*a.key == '\0')
		return error_set(err, ERROR_USAGE, "--annotation: no key before \"=%s\"", a.value);
	*out = a;
	return 0;
}

/* --- --secret ------------------------------------------------------------------------------ */

struct secret_form {
	const char *id, *source, *env, *type;
};

static int secret_fields(struct arena *arena, const char *text, struct secret_form *out,
			 struct error *err)
{
	static const char *const known[] = {"id", "src", "source", "env", "type", NULL};
	struct key_value *fields;
	size_t count;

	if (fields_parse(arena, text, &fields, &count, err) < 0)
		return error_add(err, "--secret");
	for (size_t i = 0; i < count; i++) {
		const char *key = fields[i].key, *value = fields[i].value;

		if (value == NULL) {
			error_set(err, ERROR_USAGE, "--secret: \"%s\" is no key=value", key);
			return error_hint(err, "write id=NAME,src=FILE or id=NAME,env=VARIABLE");
		}
		if (strcmp(key, "id") == 0)
			out->id = value;
		else if (strcmp(key, "src") == 0 || strcmp(key, "source") == 0)
			out->source = value;
		else if (strcmp(key, "env") == 0)
			out->env = value;
		else if (strcmp(key, "type") == 0)
			out->type = value;
		else
			return field_unknown("--secret", key, known, err);
	}
	if (out->id == NULL || *out->id == '\0')
		return error_set(err, ERROR_USAGE, "--secret=%s: id= is missing", text);
	if (out->type != NULL && strcmp(out->type, "file") != 0 && strcmp(out->type, "env") != 0)
		return error_set(err, ERROR_USAGE,
				 "--secret id=%s: the type is file or env, not %s", out->id,
				 out->type);
	return 0;
}

static int secret_file(const struct secret_form *f, struct buf *value, struct error *err)
{
	auto_fd int fd = open(f->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0) {
		error_sys(err, "%s", f->source);
		return error_add(err, "--secret id=%s", f->id);
	}
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return error_set(err, ERROR_USAGE, "--secret id=%s: %s is a directory", f->id,
				 f->source);
	/* All at once: a buffer that grows leaves copies behind. */
	buf_reserve(value, SECRET_MAX_BYTES + 1);
	if (read_all(fd, SECRET_MAX_BYTES, value, err) < 0)
		return error_add(err, "--secret id=%s: %s", f->id, f->source);
	return 0;
}

static int secret_variable(const struct secret_form *f, struct buf *value, struct error *err)
{
	const char *text = getenv(f->env);

	if (text == NULL)
		fprintf(stderr,
			"varve: warning: --secret id=%s: %s is not set, so the secret is empty\n",
			f->id, f->env);
	else if (strlen(text) > SECRET_MAX_BYTES)
		return error_set(err, ERROR_LIMIT, "--secret id=%s: more than %d bytes", f->id,
				 SECRET_MAX_BYTES);
	buf_add_str(value, text != NULL ? text : "");
	return 0;
}

int secret_parse(struct arena *arena, const char *text, const char **id, struct buf *value,
		 struct error *err)
{
	struct secret_form f = {.id = NULL};

	if (secret_fields(arena, text, &f, err) < 0)
		return -1;
	if (f.type != NULL && strcmp(f.type, "env") == 0 && f.env == NULL) {
		f.env = f.source;
		f.source = NULL;
	}
	if (f.source != NULL && f.env != NULL)
		return error_set(err, ERROR_USAGE, "--secret id=%s: both src= and env=", f.id);
	if (f.source == NULL && f.env == NULL && getenv(f.id) != NULL)
		f.env = f.id;
	else if (f.source == NULL && f.env == NULL)
		f.source = f.id;
	*id = f.id;
	return f.env != NULL ? secret_variable(&f, value, err) : secret_file(&f, value, err);
}

/* --- --ssh --------------------------------------------------------------------------------- */

static int ssh_check(const struct build_ssh *ssh, struct error *err)
{
	for (size_t i = 0; i < ssh->path_count; i++) {
		struct stat st;

		if (stat(ssh->paths[i], &st) < 0) {
			error_sys(err, "%s", ssh->paths[i]);
			return error_add(err, "--ssh %s", ssh->id);
		}
		if (!S_ISSOCK(st.st_mode) && !S_ISREG(st.st_mode))
			return error_set(err, ERROR_USAGE,
					 "--ssh %s: %s is neither a socket nor a key file", ssh->id,
					 ssh->paths[i]);
		if (S_ISSOCK(st.st_mode) && ssh->path_count > 1)
			return error_set(err, ERROR_USAGE,
					 "--ssh %s: %s is a socket and must stand alone", ssh->id,
					 ssh->paths[i]);
	}
	return 0;
}

int ssh_parse(struct arena *arena, const char *text, struct build_ssh *out, struct error *err)
{
	const char *equals = strchr(text, '='), *rest = equals != NULL ? equals + 1 : NULL, *path;
	const char **paths = NULL;
	struct build_ssh ssh = {.paths = NULL};

	ssh.id = equals != NULL ? arena_strndup(arena, text, (size_t)(equals - text)) : text;
	if (*ssh.id == '\0')
		return error_set(err, ERROR_USAGE, "--ssh=%s: no id", text);
	while ((path = field_next(arena, &rest, err)) != NULL) {
		if (*path == '\0')
			return error_set(err, ERROR_USAGE, "--ssh=%s: an empty path", text);
		paths = arena_grow(arena, paths, ssh.path_count, sizeof(*paths));
		paths[ssh.path_count++] = path;
	}
	if (err->code != ERROR_NONE)
		return error_add(err, "--ssh");
	if (ssh.path_count == 0) {
		path = getenv("SSH_AUTH_SOCK");
		if (path == NULL || *path == '\0') {
			error_set(err, ERROR_USAGE,
				  "--ssh %s: no agent, because SSH_AUTH_SOCK is not set", ssh.id);
			return error_hint(err, "start ssh-agent, or name a key: --ssh %s=FILE",
					  ssh.id);
		}
		paths = arena_grow(arena, paths, 0, sizeof(*paths));
		paths[ssh.path_count++] = path;
	}
	ssh.paths = paths;
	*out = ssh;
	return ssh_check(out, err);
}

/* --- --volume ------------------------------------------------------------------------------ */

static int bind_options(const char *text, struct arena *arena, const char *list,
			struct build_bind *out, struct error *err)
{
	const char *word;

	while ((word = field_next(arena, &list, err)) != NULL) {
		if (strcmp(word, "ro") == 0) {
			out->read_only = true;
		} else if (strcmp(word, "rw") == 0) {
			out->read_only = false;
		} else {
			error_set(err, ERROR_USAGE, "--volume=%s: unknown option \"%s\"", text,
				  word);
			return error_hint(err, "it takes ro and rw");
		}
	}
	return err->code == ERROR_NONE ? 0 : -1;
}

int bind_parse(struct arena *arena, const char *text, struct build_bind *out, struct error *err)
{
	const char *colon = strchr(text, ':'), *second, *source;
	struct build_bind b = {.text = text, .source = -1};

	if (colon == NULL || colon == text || colon[1] != '/') {
		error_set(err, ERROR_USAGE, "--volume=%s: %s", text,
			  colon == NULL   ? "no place in the container"
			  : colon == text ? "no source"
					  : "the place in the container must be absolute");
		return error_hint(err, "write SOURCE:/TARGET[:ro|rw]");
	}
	source = arena_strndup(arena, text, (size_t)(colon - text));
	if (*source != '/' && *source != '.') {
		error_set(err, ERROR_USAGE, "--volume=%s: there are no named volumes in a build",
			  text);
		return error_hint(err, "a directory is written ./%s", source);
	}
	second = strchr(colon + 1, ':');
	b.target = second == NULL ? colon + 1
				  : arena_strndup(arena, colon + 1, (size_t)(second - colon - 1));
	if (second != NULL && bind_options(text, arena, second + 1, &b, err) < 0)
		return -1;
	b.source = open(source, O_PATH | O_CLOEXEC);
	if (b.source < 0) {
		error_sys(err, "%s", source);
		return error_add(err, "--volume=%s", text);
	}
	*out = b;
	return 0;
}
