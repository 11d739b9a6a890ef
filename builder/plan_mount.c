/* SPDX-License-Identifier: Apache-2.0 */
/* RUN --mount: a CSV of options becomes a struct run_mount (REFERENCE 1.8). */
#include "builder/plan.h"

#include "builder/syntax.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { MOUNT_MAX_FIELDS = 64 };

#define BIT(type) (1u << (type))
static const unsigned any_type =
	BIT(MOUNT_BIND) | BIT(MOUNT_CACHE) | BIT(MOUNT_TMPFS) | BIT(MOUNT_SECRET) | BIT(MOUNT_SSH);
static const char *const type_names[] = {"bind", "cache", "tmpfs", "secret", "ssh"};
enum { TYPE_COUNT = sizeof(type_names) / sizeof(type_names[0]) };
static const char *const sharing_names[] = {"shared", "private", "locked"};
enum { SHARING_COUNT = sizeof(sharing_names) / sizeof(sharing_names[0]) };

/* One mount while its options are read. */
struct reader {
	struct plan *p;
	struct stage_plan *stage;
	const struct dockerfile *file;
	struct span at;
	struct run_mount *m;
	const char *from, *source; /* as written */
	bool have_access, have_mode;
	bool failed;
};

static void wrong(struct reader *r, const char *hint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void wrong(struct reader *r, const char *hint, const char *format, ...)
{
	auto_(buf) struct buf text = BUF_INIT;
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	plan_report(r->p, r->file, DIAG_ERROR, r->at, hint, "--mount: %s", text.data);
	r->failed = true;
}

/* --- options ------------------------------------------------------------------------------- */

static void read_bool(struct reader *r, const char *key, const char *value, bool *out)
{
	static const char *const yes[] = {"", "1", "t", "true"}, *const no[] = {"0", "f", "false"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcasecmp(value, yes[i]) == 0) {
			*out = true;
			return;
		}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcasecmp(value, no[i]) == 0) {
			*out = false;
			return;
		}
	wrong(r, "write true or false", "%s=%s is neither true nor false", key, value);
}

static uint64_t read_number(struct reader *r, const char *key, const char *value, int base,
			    uint64_t max)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(value, &end, base);
	if (*value >= '0' && *value <= '9' && *end == '\0' && errno == 0 && n <= max)
		return n;
	if (base == 8)
		wrong(r, "write octal digits, such as 0440", "%s=%s is no mode of at most %o", key,
		      value, (unsigned)max);
	else
		wrong(r, NULL, "%s=%s is no number of at most %" PRIu64, key, value, max);
	return 0;
}

static void read_type(struct reader *r, const char *value)
{
	for (unsigned i = 0; i < TYPE_COUNT; i++)
		if (strcasecmp(value, type_names[i]) == 0) {
			r->m->type = (enum run_mount_type)i;
			return;
		}
	wrong(r, "bind, cache, tmpfs, secret and ssh are known", "unknown type %s", value);
}

static void read_sharing(struct reader *r, const char *value)
{
	for (unsigned i = 0; i < SHARING_COUNT; i++)
		if (strcasecmp(value, sharing_names[i]) == 0) {
			r->m->sharing = i;
			return;
		}
	wrong(r, "shared, private and locked are known", "unknown sharing %s", value);
}

static void read_size(struct reader *r, const char *value)
{
	struct error err = ERROR_INIT;

	if (size_parse(value, &r->m->size, &err) < 0)
		wrong(r, err.hint[0] != '\0' ? err.hint : NULL, "size=%s: %s", value,
		      err.frame[0].text);
}

enum option {
	OPT_TYPE,
	OPT_FROM,
	OPT_SOURCE,
	OPT_TARGET,
	OPT_READ_ONLY,
	OPT_READ_WRITE,
	OPT_REQUIRED,
	OPT_SIZE,
	OPT_ID,
	OPT_SHARING,
	OPT_MODE,
	OPT_UID,
	OPT_GID,
	OPT_ENV,
};

/* What each option is called, and the types that have it. */
static const struct option_name {
	const char *name;
	enum option option;
	unsigned types;
	bool bare; /* may stand without a value */
} options[] = {
	{"type", OPT_TYPE, any_type, false},
	{"from", OPT_FROM, BIT(MOUNT_BIND) | BIT(MOUNT_CACHE), false},
	{"source", OPT_SOURCE, BIT(MOUNT_BIND) | BIT(MOUNT_CACHE) | BIT(MOUNT_SECRET), false},
	{"src", OPT_SOURCE, BIT(MOUNT_BIND) | BIT(MOUNT_CACHE) | BIT(MOUNT_SECRET), false},
	{"target", OPT_TARGET, any_type, false},
	{"dst", OPT_TARGET, any_type, false},
	{"destination", OPT_TARGET, any_type, false},
	{"readonly", OPT_READ_ONLY, BIT(MOUNT_BIND) | BIT(MOUNT_CACHE) | BIT(MOUNT_TMPFS), true},
	{"ro", OPT_READ_ONLY, BIT(MOUNT_BIND) | BIT(MOUNT_CACHE) | BIT(MOUNT_TMPFS), true},
	{"readwrite", OPT_READ_WRITE, BIT(MOUNT_BIND) | BIT(MOUNT_CACHE) | BIT(MOUNT_TMPFS), true},
	{"rw", OPT_READ_WRITE, BIT(MOUNT_BIND) | BIT(MOUNT_CACHE) | BIT(MOUNT_TMPFS), true},
	{"required", OPT_REQUIRED, BIT(MOUNT_SECRET) | BIT(MOUNT_SSH), true},
	{"size", OPT_SIZE, BIT(MOUNT_TMPFS), false},
	{"id", OPT_ID, BIT(MOUNT_CACHE) | BIT(MOUNT_SECRET) | BIT(MOUNT_SSH), false},
	{"sharing", OPT_SHARING, BIT(MOUNT_CACHE), false},
	{"mode", OPT_MODE, BIT(MOUNT_CACHE) | BIT(MOUNT_SECRET) | BIT(MOUNT_SSH), false},
	{"uid", OPT_UID, BIT(MOUNT_CACHE) | BIT(MOUNT_SECRET) | BIT(MOUNT_SSH), false},
	{"gid", OPT_GID, BIT(MOUNT_CACHE) | BIT(MOUNT_SECRET) | BIT(MOUNT_SSH), false},
	{"env", OPT_ENV, BIT(MOUNT_SECRET), false},
};
enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

static const struct option_name *find_option(struct reader *r, const char *key)
{
	const char *names[OPTION_COUNT];
	const char *near;

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		names[i] = options[i].name;
		if (strcasecmp(options[i].name, key) == 0)
			return &options[i];
	}
	near = suggest(key, names, OPTION_COUNT);
	wrong(r, near != NULL ? arena_printf(&r->p->arena, "did you mean %s?", near) : NULL,
	      "unknown option %s", key);
	return NULL;
}

static void apply(struct reader *r, const struct option_name *o, const char *value)
{
	struct run_mount *m = r->m;
	bool writable = false;

	switch (o->option) {
	case OPT_TYPE:
		break; /* read first: it says what the others may be */
	case OPT_FROM:
		r->from = value;
		break;
	case OPT_SOURCE:
		r->source = value;
		break;
	case OPT_TARGET:
		m->target = value;
		break;
	case OPT_READ_ONLY:
		r->have_access = true;
		read_bool(r, o->name, value, &m->read_only);
		break;
	case OPT_READ_WRITE:
		r->have_access = true;
		read_bool(r, o->name, value, &writable);
		m->read_only = !writable;
		break;
	case OPT_REQUIRED:
		read_bool(r, o->name, value, &m->required);
		break;
	case OPT_SIZE:
		read_size(r, value);
		break;
	case OPT_ID:
		m->id = value;
		break;
	case OPT_SHARING:
		read_sharing(r, value);
		break;
	case OPT_MODE:
		r->have_mode = true;
		m->mode = (mode_t)read_number(r, o->name, value, 8, 07777);
		break;
	case OPT_UID:
		m->uid = (uid_t)read_number(r, o->name, value, 10, UINT32_MAX - 1);
		break;
	case OPT_GID:
		m->gid = (gid_t)read_number(r, o->name, value, 10, UINT32_MAX - 1);
		break;
	case OPT_ENV:
		m->env = value;
		break;
	}
}

/* --- the CSV ------------------------------------------------------------------------------- */

/* Splits at commas; a field in double quotes may hold them, "" in it is one quote (RFC 4180). */
static size_t split(struct reader *r, const char *text, const char **fields)
{
	auto_(buf) struct buf field = BUF_INIT;
	size_t count = 0;
	bool quoted = false;

	for (const char *at = text;; at++) {
		if (*at == '"' && (quoted || field.length == 0)) {
			if (quoted && at[1] == '"')
				buf_add_char(&field, *at++);
			else
				quoted = !quoted;
			continue;
		}
		if (*at != '\0' && (*at != ',' || quoted)) {
			buf_add_char(&field, *at);
			continue;
		}
		if (count == MOUNT_MAX_FIELDS || quoted) {
			wrong(r, NULL, quoted ? "a quote is not closed" : "too many options");
			return 0;
		}
		if (*at == '\0' && count == 0 && field.length == 0)
			return 0; /* nothing at all; what is missing is said later */
		if (field.length == 0) {
			wrong(r,
			      "write one comma between two options, no blank, and none at the end",
			      "an empty option in %s", text);
			return 0;
		}
		fields[count++] = arena_strndup(&r->p->arena, field.data, field.length);
		buf_truncate(&field, 0);
		if (*at == '\0')
			return count;
	}
}

static const char *expand(struct reader *r, const char *text)
{
	auto_(buf) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	char message[ERROR_TEXT];

	if (word_expand_text(text, dockerfile_escape(r->file), scope_lookup, &r->stage->scope, &out,
			     &err) == 0)
		return arena_strndup(&r->p->arena, out.data, out.length);
	error_format(&err, message, sizeof(message));
	wrong(r, err.hint[0] != '\0' ? err.hint : NULL, "%s", message);
	return "";
}

/* One field; types first, then the rest, because what a key may be depends on the type. */
static void read_field(struct reader *r, const char *field, bool types)
{
	const char *equals = strchr(field, '=');
	const char *key = equals != NULL
				  ? arena_strndup(&r->p->arena, field, (size_t)(equals - field))
				  : field;
	const char *value = equals != NULL ? equals + 1 : "";
	const struct option_name *o;

	if (types != (strcasecmp(key, "type") == 0))
		return;
	o = find_option(r, key);
	if (o == NULL)
		return;
	if (equals == NULL && !o->bare) {
		wrong(r, NULL, "%s needs a value: %s=...", o->name, o->name);
		return;
	}
	if (o->option == OPT_FROM && strchr(value, '$') != NULL) {
		wrong(r, "give the image a stage of its own: FROM <image> AS <name>",
		      "from=%s: variables are not expanded here", value);
		return;
	}
	if (o->option != OPT_FROM)
		value = expand(r, value);
	if (types)
		read_type(r, value);
	else if (!(o->types & BIT(r->m->type)))
		wrong(r, NULL, "%s is not an option of type %s", o->name, type_names[r->m->type]);
	else
		apply(r, o, value);
}

/* --- what was meant ------------------------------------------------------------------------ */

static void set_target(struct reader *r)
{
	struct run_mount *m = r->m;

	if (m->target == NULL || *m->target == '\0')
		return;
	m->target = path_join(&r->p->arena, r->stage->config.working_dir, m->target);
	if (strcmp(m->target, "/") == 0)
		wrong(r, NULL, "the target cannot be /");
}

static void finish_secret(struct reader *r)
{
	struct run_mount *m = r->m;
	const char *slash;

	if (r->source != NULL && m->id != NULL) {
		wrong(r, NULL, "source and id of a secret mean the same; give one");
		return;
	}
	if (m->id == NULL)
		m->id = r->source;
	if (m->id == NULL && m->target != NULL) {
		slash = strrchr(m->target, '/');
		m->id = slash != NULL ? slash + 1 : m->target;
	}
	if (m->id == NULL || *m->id == '\0')
		wrong(r, "write --mount=type=secret,id=NAME", "a secret needs an id or a target");
	else if (m->env != NULL && *m->env == '\0')
		wrong(r, "write env=NAME", "env needs the name of a variable");
	else if (m->target == NULL && m->env == NULL) {
		slash = strrchr(m->id, '/');
		m->target = arena_printf(&r->p->arena, "/run/secrets/%s",
					 slash != NULL ? slash + 1 : m->id);
	}
}

static void finish_ssh(struct reader *r, unsigned agents)
{
	if (r->m->id == NULL)
		r->m->id = "default";
	if (r->m->target == NULL)
		r->m->target = arena_printf(&r->p->arena, "/run/buildkit/ssh_agent.%u", agents);
}

static void set_root(struct reader *r)
{
	struct run_mount *m = r->m;

	m->has_from = m->type == MOUNT_BIND || r->from != NULL;
	m->from = (struct source_root){.kind = FROM_CONTEXT, .context = &r->p->context};
	m->source = path_join(&r->p->arena, "/", r->source != NULL ? r->source : "") + 1;
	if (r->from != NULL && *r->from != '\0') {
		if (!plan_root(r->p, r->stage, r->file, r->from, r->at, &m->from))
			r->failed = true;
	} else if (m->has_from && r->p->context.fd < 0) {
		wrong(r, "give a directory as the context", "a bind needs a build context");
	}
	if (!m->has_from && r->source != NULL)
		wrong(r, "from=NAME says where the source is", "source without from");
}

/* Was what a secret or an agent needs given to the build? */
static void check_supply(struct reader *r)
{
	const struct build_options *o = r->p->options;
	const struct run_mount *m = r->m;

	for (size_t i = 0; m->type == MOUNT_SECRET && i < o->fetch.secret_count; i++)
		if (strcmp(o->fetch.secrets[i].id, m->id) == 0)
			return;
	for (size_t i = 0; m->type == MOUNT_SSH && i < o->ssh_count; i++)
		if (strcmp(o->ssh[i].id, m->id) == 0)
			return;
	if (o->no_build)
		return;
	if (m->required && m->type == MOUNT_SECRET)
		wrong(r, arena_printf(&r->p->arena, "build with --secret id=%s,src=FILE", m->id),
		      "the secret %s is required and was not given", m->id);
	else if (m->required)
		wrong(r, arena_printf(&r->p->arena, "build with --ssh %s", m->id),
		      "the agent %s is required and was not given", m->id);
}

static void finish_cache_or_bind(struct reader *r)
{
	struct run_mount *m = r->m;

	if (m->target == NULL || *m->target == '\0') {
		wrong(r, "write target=/path", "a mount of type %s needs a target",
		      type_names[m->type]);
		return;
	}
	if (m->type == MOUNT_CACHE && (m->id == NULL || *m->id == '\0'))
		/* As written: a relative target is the same cache in every working directory, and
		   another one than the absolute target of that name. */
		m->id = path_join(&r->p->arena, "/", m->target) + (m->target[0] != '/');
	if (m->type != MOUNT_TMPFS)
		set_root(r);
}

const char *plan_mount_from(struct arena *arena, const char *text)
{
	const char *at = text;

	/* A quoted field cannot be a stage: quotes are for commas, which no name has. */
	while (strncasecmp(at, "from=", 5) != 0) {
		at = strchr(at, ',');
		if (at++ == NULL)
			return NULL;
	}
	return arena_strndup(arena, at + 5, strcspn(at + 5, ","));
}

bool plan_mount(struct plan *p, struct stage_plan *stage, const struct dockerfile *file,
		const struct flag *flag, struct run_spec *run)
{
	const char *fields[MOUNT_MAX_FIELDS];
	struct run_mount m = {.type = MOUNT_BIND, .at = flag->at};
	struct reader r = {.p = p, .stage = stage, .file = file, .at = flag->at, .m = &m};
	size_t count = split(&r, flag->value != NULL ? flag->value : "", fields);
	unsigned agents = 0;

	for (size_t i = 0; i < run->mount_count; i++)
		agents += run->mounts[i].type == MOUNT_SSH;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < count && !r.failed; i++)
			read_field(&r, fields[i], pass == 0);
	if (r.failed)
		return false;
	if (!r.have_access)
		m.read_only = m.type == MOUNT_BIND;
	if (!r.have_mode)
		m.mode = m.type == MOUNT_SECRET ? 0400 : m.type == MOUNT_SSH ? 0600 : 0755;
	if (m.type == MOUNT_SECRET)
		finish_secret(&r);
	else if (m.type == MOUNT_SSH)
		finish_ssh(&r, agents);
	else
		finish_cache_or_bind(&r);
	set_target(&r);
	if (r.failed)
		return false;
	check_supply(&r);
	if (r.failed)
		return false;
	run->mounts = arena_grow(&p->arena, run->mounts, run->mount_count, sizeof(m));
	run->mounts[run->mount_count++] = m;
	return true;
}
