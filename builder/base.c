/* SPDX-License-Identifier: Apache-2.0 */
/* Where FROM and COPY --from find images: the store, an OCI layout, an archive. */
#include "builder/plan.h"

#include "common/fd.h"
#include "common/job.h"
#include "layers/archive.h"
#include "layers/name.h"

#include <string.h>

struct path_source {
	const char *path; /* of the host; relative to the caller's directory unless absolute */
	const char *tag;  /* which image of the archive; NULL: the only one */
};

/* oci:PATH[:TAG], oci-archive:PATH[:TAG], docker-archive:PATH[:TAG] as skopeo writes them, or
   PATH[:TAG] beginning with / ./ or ../ */
static bool parse_path(struct arena *arena, const char *text, struct path_source *out)
{
	static const char *const prefixes[] = {
		"oci-layout:", "oci:", "oci-archive:", "docker-archive:"};
	bool is_path =
		text[0] == '/' || strncmp(text, "./", 2) == 0 || strncmp(text, "../", 3) == 0;
	const char *colon;

	for (size_t i = 0; !is_path && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i]);

		if (strncmp(text, prefixes[i], length) != 0)
			continue;
		text += length;
		text += strncmp(text, "//", 2) == 0 ? 2 : 0;
		is_path = true;
	}
	if (!is_path)
		return false;
	colon = strchr(text, ':');
	out->path = colon != NULL ? arena_strndup(arena, text, (size_t)(colon - text)) : text;
	out->tag = colon != NULL ? colon + 1 : NULL;
	return true;
}

/* --- remembering archives ------------------------------------------------------------------ */

/* What identifies the archive's content without reading it; an OCI layout by its index. */
static int archive_key(int fd, const struct path_source *source, const char *platform,
		       struct digest *out, struct error *err)
{
	auto_(buf) struct buf text = BUF_INIT;
	auto_fd int index = -1;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(err, "%s", source->path);
	if (S_ISDIR(st.st_mode)) {
		index = open_child(fd, "index.json", O_RDONLY, 0, err);
		if (index < 0 || fstat(index, &st) < 0)
			return error_add(err, "%s is no OCI layout", source->path);
	}
	buf_printf(&text, "archive 2\n%llu %llu %llu %lld.%ld %lld.%ld\n%s\n%s\n%s\n",
		   (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		   (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		   (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, source->path,
		   source->tag != NULL ? source->tag : "", platform);
	digest_of(text.data, text.length, out);
	return 0;
}

static bool recall(struct store *s, const struct digest *key, struct digest *manifest)
{
	auto_(record) struct record r = RECORD_INIT;
	struct error ignored = ERROR_INIT;

	return store_read_record(s, STORE_CACHE, key, "varve-archive", &r, &ignored) == 0 &&
	       record_get_digest(&r, "manifest", manifest, &ignored) == 0 &&
	       store_has(s, STORE_BLOBS, manifest);
}

struct load_job {
	struct store *store;
	int fd;
	const struct path_source *source;
	const struct platform *platform;
	const struct digest *key;
};

/* Runs in a job: returns the manifest's digest. */
static int load_work(void *arg, struct buf *result, struct error *err)
{
	const struct load_job *job = arg;
	auto_(record) struct record r = RECORD_INIT;
	struct ref *refs = NULL;
	size_t count = 0;

	if (archive_load_for(job->store, job->fd, job->source->tag, job->platform, &refs, &count,
			     err) < 0)
		return -1;
	if (count == 0)
		return error_set(err, ERROR_NOT_FOUND, "it holds no image%s%s",
				 job->source->tag != NULL ? " called " : "",
				 job->source->tag != NULL ? job->source->tag : "");
	for (size_t i = 1; i < count; i++) {
		if (digest_equal(&refs[i].manifest, &refs[0].manifest))
			continue;
		error_set(err, ERROR_USAGE, "it holds several images");
		return error_hint(err, "name one: oci-archive:PATH:NAME");
	}
	record_add_digest(&r, "manifest", &refs[0].manifest);
	if (store_write_record(job->store, STORE_CACHE, job->key, "varve-archive", &r, err) < 0)
		return -1;
	buf_add(result, &refs[0].manifest, sizeof(refs[0].manifest));
	return 0;
}

static int load_path(struct plan *p, const struct path_source *source,
		     const struct platform *platform, struct digest *manifest, struct error *err)
{
	const struct build_options *o = p->options;
	int at = source->path[0] == '/' ? o->host_root : o->host_cwd;
	auto_(buf) struct buf result = BUF_INIT;
	auto_fd int fd = -1;
	struct digest key;
	struct load_job job = {
		.store = o->store, .source = source, .platform = platform, .key = &key};

	if (at < 0)
		return error_set(err, ERROR_DENIED, "images from paths are not allowed here");
	fd = openat(at, source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_sys(err, "%s", source->path);
	if (archive_key(fd, source, platform_text(&p->arena, platform), &key, err) < 0)
		return -1;
	if (!o->reread && recall(o->store, &key, manifest))
		return 0;
	job.fd = fd;
	if (store_stage(o->store, err) < 0)
		return -1;
	if (job_run(source->path, load_work, &job, &result, err) < 0)
		return error_add(err, "reading %s", source->path);
	memcpy(manifest, result.data, sizeof(*manifest));
	return 0;
}

static int load(struct plan *p, struct base_image *image, const struct platform *platform,
		struct error *err)
{
	struct path_source source;
	struct digest manifest;

	if (parse_path(&p->arena, image->written, &source)) {
		if (load_path(p, &source, platform, &manifest, err) < 0)
			return -1;
		return image_load_for(p->options->store, &manifest, UINT64_MAX, platform,
				      &image->image, err);
	}
	if (image_resolve_for(p->options->store, image->written, platform, &image->image, err) <
	    0) {
		if (err->code == ERROR_NOT_FOUND && err->hint[0] == '\0')
			error_hint(err, "varve load, varve import or varve build -t puts images "
					"into the store");
		return -1;
	}
	return 0;
}

struct base_image *plan_image(struct plan *p, const char *written, const struct platform *platform,
			      struct error *err)
{
	const char *text = platform_text(&p->arena, platform);
	struct base_image *image;

	for (image = p->images; image != NULL; image = image->next)
		if (strcmp(image->written, written) == 0 && strcmp(image->platform, text) == 0)
			return image;
	image = arena_alloc(&p->arena, sizeof(*image));
	image->written = written;
	image->platform = text;
	if (load(p, image, platform, err) < 0)
		return NULL;
	image->next = p->images;
	p->images = image;
	return image;
}
