/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_options.h"

#include "builder/syntax.h"

#include "cli/fields.h"
#include "common/fd.h"
#include "layers/name.h"

#include <string.h>

static void wipe(struct buf *b)
{
	explicit_bzero(b->data, b->length);
	buf_release(b);
}

void build_settings_release(struct build_settings *s)
{
	for (size_t i = 0; i < s->options.fetch.secret_count; i++)
		wipe(&s->secrets[i]);
	for (size_t i = 0; i < s->options.bind_count; i++)
		cleanup_fd(&s->binds[i].source);
	arena_release(&s->arena);
}

/* --- lists of single values ---------------------------------------------------------------- */

/* NAME=VALUE; without '=' from the environment, or skipped if it is not set there. Without an
   environment, the empty string. */
static int fill_args(struct build_settings *s, const struct option_list *list, const char *option,
		     bool from_environment, const struct build_arg **out, size_t *out_count,
		     struct error *err)
{
	struct build_arg *args = arena_alloc(&s->arena, list->count * sizeof(*args));
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->item[i], '=');
		struct build_arg a = {.name = list->item[i], .value = ""};

		if (*a.name == '\0' || equals == a.name) {
			error_set(err, ERROR_USAGE, "--%s=%s has no name", option, a.name);
			return error_hint(err, "write --%s NAME=VALUE", option);
		}
		if (equals != NULL) {
			a.name = arena_strndup(&s->arena, list->item[i],
					       (size_t)(equals - list->item[i]));
			a.value = equals + 1;
		} else if (from_environment) {
			a.value = getenv(a.name);
			if (a.value == NULL)
				continue;
		}
		args[count++] = a;
	}
	*out = args;
	*out_count = count;
	return 0;
}

static int fill_tags(struct build_settings *s, const struct option_list *list, struct error *err)
{
	const char **tags = arena_alloc(&s->arena, list->count * sizeof(*tags));

	for (size_t i = 0; i < list->count; i++) {
		auto_free char *name = name_canonical(list->item[i], err);

		if (name == NULL)
			return error_add(err, "--tag");
		tags[i] = arena_strdup(&s->arena, name);
	}
	s->options.tags = tags;
	s->options.tag_count = list->count;
	return 0;
}

static int fill_contexts(struct build_settings *s, const struct option_list *list,
			 struct error *err)
{
	struct build_context *contexts = arena_alloc(&s->arena, list->count * sizeof(*contexts));

	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->item[i], '=');

		if (equals == NULL || equals == list->item[i] || equals[1] == '\0') {
			error_set(err, ERROR_USAGE, "--build-context=%s: no %s", list->item[i],
				  equals == list->item[i] ? "name" : "place");
			return error_hint(err, "write NAME=DIRECTORY, NAME=docker-image://IMAGE, "
					       "NAME=oci-layout://PATH, or NAME=URL");
		}
		contexts[i].name =
			arena_strndup(&s->arena, list->item[i], (size_t)(equals - list->item[i]));
		contexts[i].text = equals + 1;
	}
	s->options.contexts = contexts;
	s->options.context_count = list->count;
	return 0;
}

/* A later secret replaces one with the same id. */
static int fill_secrets(struct build_settings *s, const struct option_list *list, struct error *err)
{
	struct build_secret *secrets = arena_alloc(&s->arena, list->count * sizeof(*secrets));
	struct fetch_options *f = &s->options.fetch;

	s->secrets = arena_alloc(&s->arena, list->count * sizeof(*s->secrets));
	f->secrets = secrets;
	for (size_t i = 0; i < list->count; i++) {
		struct buf value = BUF_INIT;
		const char *id = NULL;
		size_t at = 0;

		if (secret_parse(&s->arena, list->item[i], &id, &value, err) < 0) {
			wipe(&value);
			return -1;
		}
		while (at < f->secret_count && strcmp(secrets[at].id, id) != 0)
			at++;
		if (at < f->secret_count)
			wipe(&s->secrets[at]);
		else
			f->secret_count++;
		s->secrets[at] = value;
		secrets[at] = (struct build_secret){id, value.data, value.length};
	}
	return 0;
}

static int fill_ssh(struct build_settings *s, const struct option_list *list, struct error *err)
{
	struct build_ssh *ssh = arena_alloc(&s->arena, list->count * sizeof(*ssh));
	struct stat st;

	for (size_t i = 0; i < list->count; i++) {
		if (ssh_parse(&s->arena, list->item[i], &ssh[i], err) < 0)
			return -1;
		for (size_t j = 0; j < i; j++)
			if (strcmp(ssh[j].id, ssh[i].id) == 0)
				return error_set(err, ERROR_USAGE, "--ssh %s: given twice",
						 ssh[i].id);
		if (strcmp(ssh[i].id, "default") == 0 && stat(ssh[i].paths[0], &st) == 0 &&
		    S_ISSOCK(st.st_mode))
			s->options.fetch.ssh_socket = ssh[i].paths[0];
	}
	s->options.ssh = ssh;
	s->options.ssh_count = list->count;
	return 0;
}

static int fill_hosts(struct build_settings *s, const struct option_list *list, struct error *err)
{
	struct build_arg *hosts = arena_alloc(&s->arena, list->count * sizeof(*hosts));

	for (size_t i = 0; i < list->count; i++)
		if (host_parse(&s->arena, list->item[i], &hosts[i], err) < 0)
			return -1;
	s->options.hosts = hosts;
	s->options.host_count = list->count;
	return 0;
}

static int fill_limits(struct build_settings *s, const struct option_list *list, struct error *err)
{
	struct build_limit *limits = arena_alloc(&s->arena, list->count * sizeof(*limits));

	for (size_t i = 0; i < list->count; i++)
		if (limit_parse(&s->arena, list->item[i], &limits[i], err) < 0)
			return -1;
	s->options.limits = limits;
	s->options.limit_count = list->count;
	return 0;
}

static int fill_binds(struct build_settings *s, const struct option_list *list, struct error *err)
{
	s->binds = arena_alloc(&s->arena, list->count * sizeof(*s->binds));
	s->options.binds = s->binds;
	for (; s->options.bind_count < list->count; s->options.bind_count++)
		if (bind_parse(&s->arena, list->item[s->options.bind_count],
			       &s->binds[s->options.bind_count], err) < 0)
			return -1;
	return 0;
}

static int fill_annotations(struct build_settings *s, const struct option_list *list,
			    struct error *err)
{
	struct build_annotation *a = arena_alloc(&s->arena, list->count * sizeof(*a));

	for (size_t i = 0; i < list->count; i++)
		if (annotation_parse(&s->arena, list->item[i], &a[i], err) < 0)
			return -1;
	s->options.annotations = a;
	s->options.annotation_count = list->count;
	return 0;
}

/* type=image stands for more names and annotations of what goes into the store. */
static void take_image(struct build_settings *s, const struct output_spec *output)
{
	struct build_options *o = &s->options;
	size_t tags = o->tag_count + output->name_count;
	size_t count = o->annotation_count + output->annotation_count;
	const char **names = arena_alloc(&s->arena, tags * sizeof(*names));
	struct build_annotation *all = arena_alloc(&s->arena, count * sizeof(*all));

	for (size_t i = 0; i < tags; i++)
		names[i] = i < o->tag_count ? o->tags[i] : output->names[i - o->tag_count];
	for (size_t i = 0; i < count; i++)
		all[i] = i < o->annotation_count ? o->annotations[i]
						 : output->annotations[i - o->annotation_count];
	o->tags = names;
	o->tag_count = tags;
	o->annotations = all;
	o->annotation_count = count;
}

static int fill_outputs(struct build_settings *s, const struct option_list *list, struct error *err)
{
	size_t streams = 0;

	s->outputs = arena_alloc(&s->arena, list->count * sizeof(*s->outputs));
	for (; s->output_count < list->count; s->output_count++) {
		struct output_spec *o = &s->outputs[s->output_count];

		if (output_parse(&s->arena, list->item[s->output_count], o, err) < 0)
			return -1;
		if (o->dest != NULL && strcmp(o->dest, "-") == 0 && ++streams > 1)
			return error_set(err, ERROR_USAGE,
					 "--output: only one can be the standard output");
		if (o->type == OUTPUT_DOCKER && (s->platform_count > 1 || s->force_index)) {
			error_set(err, ERROR_USAGE,
				  "--output=%s: a docker archive holds one platform",
				  list->item[s->output_count]);
			return error_hint(err, "type=oci holds several");
		}
		if (o->type == OUTPUT_IMAGE)
			take_image(s, o);
	}
	return 0;
}

/* --- lists that may also be separated by commas -------------------------------------------- */

static int split(struct build_settings *s, const struct option_list *list, const char *option,
		 const char ***out, size_t *count, struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *rest = list->item[i], *word;

		while ((word = field_next(&s->arena, &rest, err)) != NULL) {
			if (*word == '\0')
				return error_set(err, ERROR_USAGE, "--%s=%s: an empty item", option,
						 list->item[i]);
			*out = arena_grow(&s->arena, *out, *count, sizeof(**out));
			(*out)[(*count)++] = word;
		}
		if (err->code != ERROR_NONE)
			return error_add(err, "--%s", option);
	}
	return 0;
}

static int fill_platforms(struct build_settings *s, const struct option_list *list,
			  struct error *err)
{
	const char **texts = NULL, **platforms;
	size_t count = 0;

	if (split(s, list, "platform", &texts, &count, err) < 0)
		return -1;
	platforms = arena_alloc(&s->arena, count * sizeof(*platforms));
	s->platforms = platforms;
	for (size_t i = 0; i < count; i++) {
		bool twice = false;
		struct platform p;
		const char *text;

		if (platform_parse(&s->arena, texts[i], &p, err) < 0)
			return error_add(err, "--platform");
		text = platform_text(&s->arena, &p);
		for (size_t j = 0; j < s->platform_count; j++)
			twice = twice || strcmp(platforms[j], text) == 0;
		if (!twice)
			platforms[s->platform_count++] = text;
	}
	return 0;
}

static int fill_allow(struct build_settings *s, const struct option_list *list, struct error *err)
{
	const char **texts = NULL;
	size_t count = 0;

	if (split(s, list, "allow", &texts, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(texts[i], "network.host") == 0) {
			s->options.allow_host_network = true;
		} else if (strcmp(texts[i], "security.insecure") == 0) {
			s->options.allow_insecure = true;
		} else {
			error_set(err, ERROR_USAGE, "--allow: no such entitlement: %s", texts[i]);
			return error_hint(err, "it takes network.host and security.insecure");
		}
	}
	return 0;
}

/* A build argument by which BuildKit is told something, read as BuildKit reads it. */
static bool is_true(const struct build_options *o, const char *name)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	bool wanted = false;

	for (size_t i = 0; i < o->arg_count; i++) {
		if (strcmp(o->args[i].name, name) != 0)
			continue;
		wanted = false;
		for (size_t j = 0; j < sizeof(yes) / sizeof(yes[0]); j++)
			wanted = wanted || strcmp(o->args[i].value, yes[j]) == 0;
	}
	return wanted;
}

/* --- single options ------------------------------------------------------------------------ */

/* A number, or the name of what has the time. */
static void fill_epoch(struct build_settings *s, const struct build_values *v)
{
	const char *text = v->epoch;
	char *end;
	long long value;

	s->options.epoch = -1;
	for (size_t i = 0; text == NULL && i < s->options.arg_count; i++)
		if (strcmp(s->options.args[i].name, "SOURCE_DATE_EPOCH") == 0)
			text = s->options.args[i].value;
	if (text == NULL)
		text = getenv("SOURCE_DATE_EPOCH");
	if (text == NULL || *text == '\0')
		return;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end == '\0' && value >= 0 && errno == 0)
		s->options.epoch = value;
	else
		s->options.epoch_of = text;
	s->options.fetch.commit_times = s->options.epoch_of != NULL;
}

static int jobs_parse(const char *text, unsigned *out, struct error *err)
{
	enum { MAX_JOBS = 1024 };
	char *end;
	long value = strtol(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || value < 1 || value > MAX_JOBS)
		return error_set(err, ERROR_USAGE, "--jobs=%s is no number from 1 to %d", text,
				 MAX_JOBS);
	*out = (unsigned)value;
	return 0;
}

static enum volume_writes volume_mode(const char *name)
{
	if (name == NULL || strcmp(name, "keep") == 0)
		return VOLUME_KEEP;
	return strcmp(name, "discard") == 0 ? VOLUME_DISCARD : VOLUME_ERROR;
}

static enum build_network network_mode(const char *name)
{
	if (name == NULL || strcmp(name, "default") == 0)
		return BUILD_NETWORK_DEFAULT;
	return strcmp(name, "host") == 0 ? BUILD_NETWORK_HOST : BUILD_NETWORK_NONE;
}

static int refuse_attestation(const char *option, const char *value, struct error *err)
{
	if (value == NULL || strcmp(value, "false") == 0)
		return 0;
	return error_set(err, ERROR_USAGE,
			 "--%s=%s: attestations are not written; only --%s=false is taken", option,
			 value, option);
}

static int fill_simple(struct build_settings *s, const struct build_values *v, struct error *err)
{
	struct build_options *o = &s->options;

	o->target = v->target;
	o->compression = COMPRESS_ZSTD;
	if (v->compression != NULL)
		o->recompress = compression_parse(v->compression, &o->compression);
	o->volume_writes = volume_mode(v->volume_writes);
	o->network = network_mode(v->network);
	o->no_cache = v->no_cache;
	o->no_cutoff = v->no_cutoff;
	o->reread = v->pull;
	o->explain = v->explain;
	o->squash = v->squash;
	if (v->jobs != NULL && jobs_parse(v->jobs, &o->jobs, err) < 0)
		return -1;
	if (v->shm_size != NULL && size_parse(v->shm_size, &o->shm_size, err) < 0) {
		err->code = ERROR_USAGE;
		return error_add(err, "--shm-size");
	}
	if (refuse_attestation("provenance", v->provenance, err) < 0)
		return -1;
	return refuse_attestation("sbom", v->sbom, err);
}

int build_settings_fill(struct build_settings *s, const struct build_values *v, struct error *err)
{
	struct build_options *o = &s->options;
	const char **filter = NULL;

	if (fill_args(s, &v->args, "build-arg", true, &o->args, &o->arg_count, err) < 0 ||
	    fill_args(s, &v->labels, "label", false, &o->labels, &o->label_count, err) < 0)
		return -1;
	fill_epoch(s, v);
	s->force_index = is_true(o, "BUILDKIT_MULTI_PLATFORM");
	o->fetch.keep_git_dir = is_true(o, "BUILDKIT_CONTEXT_KEEP_GIT_DIR");
	if (fill_simple(s, v, err) < 0 || fill_allow(s, &v->allow, err) < 0 ||
	    fill_tags(s, &v->tags, err) < 0 || fill_contexts(s, &v->contexts, err) < 0 ||
	    fill_hosts(s, &v->hosts, err) < 0 || fill_limits(s, &v->ulimits, err) < 0 ||
	    fill_annotations(s, &v->annotations, err) < 0 ||
	    fill_platforms(s, &v->platforms, err) < 0 || fill_outputs(s, &v->outputs, err) < 0)
		return -1;
	if (split(s, &v->no_cache_filter, "no-cache-filter", &filter, &o->no_cache_count, err) < 0)
		return -1;
	o->no_cache_filter = filter;
	/* As buildx does: who chooses the host's network for all may choose it for one. */
	o->allow_host_network |= o->network == BUILD_NETWORK_HOST;
	/* Last what opens files. */
	if (fill_ssh(s, &v->ssh, err) < 0 || fill_secrets(s, &v->secrets, err) < 0)
		return -1;
	return fill_binds(s, &v->volumes, err);
}
