/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind layers/archive.h share: the contents of an archive that is being loaded,
 * and the stream of one that is being saved.
 *
 * An archive may come from a pipe and hold its documents first or last, so loading reads it once,
 * puts every file into the store under its digest as it passes, remembers which path became which
 * blob, and looks at the documents afterwards. What no document names stays in the store without a
 * name, for the garbage collector.
 */
#ifndef LAYERS_ARCHIVE_PRIVATE_H
#define LAYERS_ARCHIVE_PRIVATE_H

#include "layers/archive.h"
#include "layers/digest_set.h"
#include "layers/manifest.h"

enum {
	ARCHIVE_MAX_ENTRIES = 65536,
	ARCHIVE_MAX_PATH = 512,
	ARCHIVE_MAX_LINKS = 10, /* from link to link to file */
};

/* A regular file or link of the archive. */
struct member {
	const char *path;      /* without "./", "//" and trailing slashes */
	const char *target;    /* where a link leads, likewise; NULL for a file */
	struct digest content; /* of its bytes */
	struct digest blob;    /* of what was stored: the same, or its compressed form */
	uint64_t size;         /* of what was stored */
	enum compression compression;
	size_t order;
};

struct contents {
	struct arena arena;
	struct member *members; /* sorted by path */
	size_t count;
	struct buf layout, index, manifest; /* oci-layout, index.json, manifest.json */
	bool has_layout, has_index, has_manifest;
};

#define CONTENTS_INIT                                                                              \
	{                                                                                          \
		.arena = ARENA_INIT, .layout = BUF_INIT, .index = BUF_INIT, .manifest = BUF_INIT   \
	}

void contents_release(struct contents *c);
DEFINE_CLEANUP_STRUCT(contents, struct contents, contents_release);

/* Reads a tar, plain or compressed, into the store. Files below blobs/ are kept as they are and
   must have the digest of their name; a layer of a docker archive that is a plain tar is stored
   compressed, and recorded as a form of that diff id. */
int contents_read(struct store *s, int fd, struct contents *out, struct error *err);

/* The file at a path, through links; NULL if there is none. */
const struct member *contents_find(const struct contents *c, const char *path);

/* path without "./", "//", ".." and trailing slashes, as seen from the directory of `from` (NULL:
   from the top). NULL if it leads out of the archive. */
const char *contents_clean(struct arena *a, const char *from, const char *path);

/* The refs that a load yields. */
struct loaded {
	struct ref *refs;
	size_t count;
	const char *only; /* canonical name or NULL */
};

void loaded_release(struct loaded *l);
DEFINE_CLEANUP_STRUCT(loaded, struct loaded, loaded_release);

/* Adds a name (canonical, or "") for an image; twice the same is once, two images of one name are
   ERROR_FORMAT. */
int loaded_add(struct loaded *l, const char *name, const struct digest *manifest, uint64_t size,
	       const char *media_type, struct error *err);
/* The canonical form of a name that stands in an archive; caller frees. */
char *loaded_name(const char *text, struct error *err);

/* The images of index.json, of a tar (contents) or of a layout directory (contents NULL). */
int load_oci(struct store *s, const struct contents *c, int dir, const struct buf *index,
	     const struct platform *want, struct loaded *out, struct error *err);
/* The images of manifest.json. */
int load_docker(struct store *s, const struct contents *c, struct loaded *out, struct error *err);

/* --- saving -------------------------------------------------------------------------------- */

/* A file that is written from its start. */
struct output_file {
	int fd;
	uint64_t written, begun; /* see begin_writeback() */
};

int output_bytes(struct output_file *f, const void *data, size_t length, struct error *err);
/* The bytes of a stored blob, verified: a large one by a job, beside the writing. */
int output_blob(struct output_file *f, struct store *s, const struct digest *digest, uint64_t size,
		struct error *err);

/* One tar on its way to a descriptor: every file 0644, every directory 0755, owner 0:0, mtime 0. */
struct tar_output {
	struct tar_writer *writer;
	struct output_file file;
};

void output_begin(struct tar_output *o, int fd);
void output_release(struct tar_output *o);
DEFINE_CLEANUP_STRUCT(tar_output, struct tar_output, output_release);
int output_directory(struct tar_output *o, const char *path, struct error *err);
int output_text(struct tar_output *o, const char *path, const struct buf *text, struct error *err);
/* The header of a file whose bytes follow with tar_write_data() and tar_write_padding(). */
int output_header(struct tar_output *o, const char *path, uint64_t size, struct error *err);

/* A blob of an OCI archive: from the store, or a document made for this archive. */
struct save_blob {
	struct digest digest;
	uint64_t size;
	const struct buf *text; /* NULL: in the store */
};

/* An entry of index.json, once for each of the item's names. */
struct save_top {
	const struct save_item *item;
	struct digest digest;
	uint64_t size;
	const char *media_type;
};

/* What an OCI archive will hold. */
struct save_plan {
	struct store *store;
	struct save_top *tops;
	size_t top_count;
	struct save_blob *blobs; /* sorted by digest, each once */
	size_t blob_count;
	struct buf **texts;
	size_t text_count;
};

void save_plan_release(struct save_plan *p);
DEFINE_CLEANUP_STRUCT(save_plan, struct save_plan, save_plan_release);

/* Converts layers where they are not wanted as they are stored. */
int save_plan_make(struct save_plan *plan, const struct save_item *items, size_t count,
		   bool as_stored, enum compression want, struct error *err);

int save_docker(struct store *s, const struct save_item *items, size_t count, int to,
		struct error *err);

#endif
