/* SPDX-License-Identifier: Apache-2.0 */
/* The value of `varve build --output`. */
#include "cli/build_options.h"

#include "cli/fields.h"
#include "layers/name.h"

#include <string.h>
#include <strings.h>

struct output_parser {
	struct arena *arena;
	struct output_spec out;
	const char **names;
	struct build_annotation *annotations;
	bool typed;
};

static int parse_type(struct output_parser *p, const char *value, struct error *err)
{
	static const char *const names[] = {"oci", "docker", "tar", "local", "image"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(value, names[i]) == 0) {
			p->out.type = (enum output_type)i;
			p->typed = true;
			return 0;
		}
	error_set(err, ERROR_USAGE, "--output: unknown type %s", value);
	return error_hint(err, "oci, docker, tar, local and image are known");
}

static int parse_bool(const char *key, const char *value, bool *out, struct error *err)
{
	if (value == NULL || strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*out = true;
	else if (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*out = false;
	else
		return error_set(err, ERROR_USAGE, "--output: %s is either true or false, not %s",
				 key, value);
	return 0;
}

/* Keys that are taken only with the value that says what is done anyway. */
static int parse_fixed(const char *key, const char *value, bool wanted, const char *why,
		       struct error *err)
{
	bool given;

	if (parse_bool(key, value, &given, err) < 0)
		return -1;
	if (given == wanted)
		return 0;
	return error_set(err, ERROR_USAGE, "--output: %s=%s is not supported: %s", key,
			 given ? "true" : "false", why);
}

static int parse_names(struct output_parser *p, const char *value, struct error *err)
{
	const char *rest = value, *word;

	while ((word = field_next(p->arena, &rest, err)) != NULL) {
		auto_free char *name = name_canonical(word, err);

		if (name == NULL)
			return error_add(err, "--output: name=%s", value);
		p->names = arena_grow(p->arena, p->names, p->out.name_count, sizeof(*p->names));
		p->names[p->out.name_count++] = arena_strdup(p->arena, name);
	}
	return err->code == ERROR_NONE ? 0 : -1;
}

/* annotation.K=V, annotation-manifest[linux/arm64].K=V: the same as --annotation manifest:K=V. */
static int parse_annotation(struct output_parser *p, const char *key, const char *value,
			    struct error *err)
{
	const char *rest = key + strlen("annotation"), *end = rest;
	struct build_annotation *a;
	const char *text;

	/* A platform in brackets holds no dot, a key may. */
	end += strcspn(end, ".[");
	end += *end == '[' ? strcspn(end, "]") : 0;
	end += strcspn(end, ".");
	if (*end == '\0' || end[1] == '\0')
		return error_set(err, ERROR_USAGE, "--output: %s: no key", key);
	text = *rest == '-' ? arena_printf(p->arena, "%.*s:%s=%s", (int)(end - rest - 1), rest + 1,
					   end + 1, value)
	       : *rest == '[' ? arena_printf(p->arena, "manifest%.*s:%s=%s", (int)(end - rest),
					     rest, end + 1, value)
			      : arena_printf(p->arena, "%s=%s", end + 1, value);
	p->annotations = arena_grow(p->arena, p->annotations, p->out.annotation_count,
				    sizeof(*p->annotations));
	a = &p->annotations[p->out.annotation_count++];
	if (annotation_parse(p->arena, text, a, err) < 0)
		return error_add(err, "--output");
	return 0;
}

static int parse_compression(struct output_parser *p, const char *value, struct error *err)
{
	if (strcmp(value, "uncompressed") == 0)
		value = "none";
	p->out.recompress = true;
	if (compression_parse(value, &p->out.compression))
		return 0;
	error_set(err, ERROR_USAGE, "--output: unknown compression %s", value);
	return error_hint(err, "zstd, gzip and uncompressed are known");
}

static int parse_field(struct output_parser *p, const struct key_value *f, struct error *err)
{
	static const char *const known[] = {"type",        "dest",           "name", "tar",
					    "compression", "annotation.KEY", "mode", NULL};
	const char *key = f->key, *value = f->value != NULL ? f->value : "";
	bool tar = true;

	if (strcmp(key, "type") == 0)
		return parse_type(p, value, err);
	if (strcmp(key, "compression") == 0)
		return parse_compression(p, value, err);
	if (strcmp(key, "name") == 0)
		return parse_names(p, value, err);
	if (strncmp(key, "annotation", 10) == 0 && key[10] != '\0' &&
	    strchr(".-[", key[10]) != NULL)
		return parse_annotation(p, f->written, value, err);
	if (strcmp(key, "dest") == 0) {
		p->out.dest = value;
		return *value != '\0'
			       ? 0
			       : error_set(err, ERROR_USAGE, "--output: dest must be a path");
	}
	if (strcmp(key, "tar") == 0) {
		if (parse_bool(key, f->value, &tar, err) < 0)
			return -1;
		p->out.directory = !tar;
		return 0;
	}
	if (strcmp(key, "mode") == 0 && strcmp(value, "copy") == 0)
		return 0;
	if (strcmp(key, "mode") == 0)
		return error_set(err, ERROR_USAGE,
				 "--output: mode=%s is not supported: files that are there already "
				 "are replaced, others stay",
				 value);
	if (strcmp(key, "compression-level") == 0)
		return error_set(err, ERROR_USAGE,
				 "--output: compression-level is not supported: equal layers have "
				 "equal bytes only if there is one level");
	if (strcmp(key, "push") == 0)
		return parse_fixed(key, f->value, false, "nothing is pushed", err);
	if (strcmp(key, "oci-mediatypes") == 0)
		return parse_fixed(key, f->value, true, "manifests are OCI's", err);
	if (strcmp(key, "force-compression") == 0)
		return parse_fixed(key, f->value, true, "compression= means every layer", err);
	if (strcmp(key, "rewrite-timestamp") == 0)
		return parse_fixed(key, f->value, true, "SOURCE_DATE_EPOCH fixes all times", err);
	return field_unknown("--output", key, known, err);
}

/* What the type makes of the rest. */
static int check(struct output_parser *p, const char *text, struct error *err)
{
	struct output_spec *o = &p->out;
	bool archive = o->type == OUTPUT_OCI || o->type == OUTPUT_DOCKER;

	if (!p->typed)
		return error_set(err, ERROR_USAGE, "--output=%s: type= is missing", text);
	if (o->directory && o->type != OUTPUT_OCI)
		return error_set(err, ERROR_USAGE, "--output=%s: tar=false is for type=oci", text);
	if (o->recompress && o->type != OUTPUT_OCI)
		return error_set(
			err, ERROR_USAGE, "--output=%s: compression= is for type=oci%s", text,
			o->type == OUTPUT_IMAGE ? "; of the image it is --compression" : "");
	if (o->name_count > 0 && !archive && o->type != OUTPUT_IMAGE)
		return error_set(err, ERROR_USAGE, "--output=%s: name= is for images", text);
	if (o->annotation_count > 0 && o->type != OUTPUT_OCI && o->type != OUTPUT_IMAGE)
		return error_set(err, ERROR_USAGE,
				 "--output=%s: annotations are for type=oci and type=image", text);
	if (o->type == OUTPUT_IMAGE && o->dest != NULL)
		return error_set(err, ERROR_USAGE,
				 "--output=%s: an image goes into the store, not to a file", text);
	if (o->dest == NULL && (o->type == OUTPUT_LOCAL || o->directory))
		return error_set(err, ERROR_USAGE, "--output=%s: dest= is missing", text);
	if (o->dest == NULL && o->type != OUTPUT_IMAGE)
		o->dest = "-";
	if ((o->type == OUTPUT_LOCAL || o->directory) && strcmp(o->dest, "-") == 0)
		return error_set(err, ERROR_USAGE, "--output=%s: dest must be a path", text);
	return 0;
}

int output_parse(struct arena *arena, const char *text, struct output_spec *out, struct error *err)
{
	struct output_parser p = {.arena = arena, .out = {.compression = COMPRESS_ZSTD}};
	struct key_value *fields;
	size_t count;

	if (*text == '\0')
		return error_set(err, ERROR_USAGE, "--output: dest must be a path");
	if (strchr(text, '=') == NULL) {
		out->type = strcmp(text, "-") == 0 ? OUTPUT_TAR : OUTPUT_LOCAL;
		out->dest = text;
		return 0;
	}
	if (fields_parse(arena, text, &fields, &count, err) < 0)
		return error_add(err, "--output");
	for (size_t i = 0; i < count; i++)
		if (parse_field(&p, &fields[i], err) < 0)
			return -1;
	if (check(&p, text, err) < 0)
		return -1;
	p.out.names = p.names;
	p.out.annotations = p.annotations;
	*out = p.out;
	return 0;
}
