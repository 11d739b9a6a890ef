/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include "common/fd.h"
#include "layers/json.h"
#include "layers/name.h"

#include <string.h>
#include <time.h>

void loaded_release(struct loaded *l)
{
	for (size_t i = 0; i < l->count; i++)
		ref_release(&l->refs[i]);
	free(l->refs);
	*l = (struct loaded){.refs = NULL};
}

/* A tool that saved by digest writes the digest as the name: then there is no name. */
char *loaded_name(const char *text, struct error *err)
{
	auto_(name) struct name n = {.repository = NULL};
	struct error why = ERROR_INIT;

	if (name_parse(text, &n, &why) < 0) {
		error_set(err, ERROR_FORMAT,
			  "the archive names an image \"%.200s\", which is no "
			  "valid name",
			  text);
		return NULL;
	}
	return n.tag != NULL ? xprintf("%s:%s", n.repository, n.tag) : xstrdup("");
}

int loaded_add(struct loaded *l, const char *name, const struct digest *manifest, uint64_t size,
	       const char *media_type, struct error *err)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->refs[i].name, name) != 0)
			continue;
		if (digest_equal(&l->refs[i].manifest, manifest))
			return 0;
		if (name[0] != '\0')
			return error_set(err, ERROR_FORMAT, "the archive holds two images named %s",
					 name);
	}
	l->refs = xgrow(l->refs, l->count, sizeof(*l->refs));
	l->refs[l->count++] = (struct ref){.name = xstrdup(name),
					   .manifest = *manifest,
					   .size = size,
					   .media_type = xstrdup(media_type),
					   .when = (int64_t)time(NULL)};
	return 0;
}

static int check_layout(const struct buf *layout, struct error *err)
{
	auto_(json) struct json *root = json_parse(layout->data, layout->length, err);
	const char *version;

	if (root == NULL)
		return error_add(err, "oci-layout");
	version = json_get_string(root, "imageLayoutVersion");
	if (version == NULL || strncmp(version, "1.", 2) != 0)
		return error_set(err, ERROR_FORMAT, "oci-layout: version %.40s is not known",
				 version != NULL ? version : "(none)");
	return 0;
}

static int load_directory(struct store *s, int dir, const struct platform *want, struct loaded *out,
			  struct error *err)
{
	auto_(buf) struct buf layout = BUF_INIT;
	auto_(buf) struct buf index = BUF_INIT;

	if (read_file(dir, "index.json", IMAGE_MAX_MANIFEST, &index, err) < 0)
		return error_add(err, "the directory is not an OCI layout");
	if (read_file(dir, "oci-layout", IMAGE_MAX_MANIFEST, &layout, err) < 0)
		return error_add(err, "the directory is not an OCI layout");
	if (check_layout(&layout, err) < 0)
		return -1;
	return load_oci(s, NULL, dir, &index, want, out, err);
}

/* An archive with both documents, as docker 25 and later write it, holds the same images twice; the
   OCI documents say more. */
static int load_tar(struct store *s, int fd, const struct platform *want, struct loaded *out,
		    struct error *err)
{
	auto_(contents) struct contents c = CONTENTS_INIT;

	if (contents_read(s, fd, &c, err) < 0)
		return -1;
	if (c.has_index) {
		if (c.has_layout && check_layout(&c.layout, err) < 0)
			return -1;
		return load_oci(s, &c, -1, &c.index, want, out, err);
	}
	if (c.has_manifest)
		return load_docker(s, &c, out, err);
	error_set(err, ERROR_FORMAT,
		  "neither an OCI archive (index.json) nor a docker archive "
		  "(manifest.json)");
	return error_hint(err, "a tar of a root file system is taken by import");
}

int archive_load_for(struct store *s, int fd, const char *only, const struct platform *want,
		     struct ref **out, size_t *count, struct error *err)
{
	auto_(loaded) struct loaded l = {.refs = NULL};
	auto_free char *name = NULL;
	struct stat st;

	if (only != NULL) {
		name = name_canonical(only, err);
		if (name == NULL)
			return -1;
		l.only = name;
	}
	if (fstat(fd, &st) < 0)
		return error_sys(err, "reading the archive");
	if ((S_ISDIR(st.st_mode) ? load_directory : load_tar)(s, fd, want, &l, err) < 0)
		return -1;
	if (l.count == 0 && only != NULL)
		return error_set(err, ERROR_NOT_FOUND, "the archive holds no image named %s", name);
	if (l.count == 0)
		return error_set(err, ERROR_FORMAT, "the archive holds no image");
	for (size_t i = 0; i < l.count; i++) {
		*out = xgrow(*out, *count, sizeof(**out));
		(*out)[(*count)++] = l.refs[i];
	}
	l.count = 0;
	return 0;
}

int archive_load(struct store *s, int fd, const char *only, struct ref **out, size_t *count,
		 struct error *err)
{
	return archive_load_for(s, fd, only, &platform_any, out, count, err);
}
