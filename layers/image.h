/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI documents as C: config, manifest, index (image-spec 1.1; Docker's extension fields
 * Healthcheck, OnBuild, Shell in the config).
 *
 * The bytes of a document that somebody hashed are kept and never re-serialised; documents of our
 * own are rendered with keys in a fixed order, maps sorted, so that equal values give equal
 * digests. The image ID is the digest of the config and does not depend on compression.
 */
#ifndef LAYERS_IMAGE_H
#define LAYERS_IMAGE_H

#include "common/arena.h"
#include "layers/compress.h"
#include "layers/pack.h"
#include "layers/platform.h"
#include "layers/store.h"

#define MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"

enum {
	IMAGE_MAX_MANIFEST = 4 * 1024 * 1024,
	IMAGE_MAX_CONFIG = 8 * 1024 * 1024,
	IMAGE_MAX_LAYERS = 499, /* overlayfs allows 500 lowers; one is the stub layer */
};

/* A list of strings that may be absent, which differs from empty (ENTRYPOINT [] is null). */
struct strings {
	const char **item;
	size_t count;
	bool present;
};

struct label {
	const char *key, *value;
};
struct labels {
	struct label *item;
	size_t count;
};

struct healthcheck {
	bool present;
	struct strings test;
	/* Nanoseconds, 0: inherit. Below 2^53 (104 days): what JSON readers take exactly. */
	int64_t interval, timeout, start_period, start_interval;
	int64_t retries;
};

struct history {
	const char *created; /* RFC 3339 or NULL */
	const char *created_by;
	const char *author, *comment; /* or NULL */
	bool empty_layer;
};

/* All pointers are into the arena. */
struct config {
	struct arena arena;
	const char *created, *author; /* or NULL */
	const char *architecture, *os, *variant, *os_version;
	const char *user, *working_dir, *stop_signal; /* NULL or "" if unset */
	struct strings env, entrypoint, cmd, shell, onbuild;
	struct strings exposed_ports, volumes; /* sets: sorted when rendered */
	struct labels labels;
	struct healthcheck healthcheck;
	struct digest *diff_ids;
	size_t layer_count;
	struct history *history;
	size_t history_count;
};

#define CONFIG_INIT                                                                                \
	{                                                                                          \
		.arena = ARENA_INIT                                                                \
	}

void config_release(struct config *c);
DEFINE_CLEANUP_STRUCT(config, struct config, config_release);
/* null is the same as missing, unknown members are ignored, a member of another type is
   ERROR_FORMAT and named; Env entries without "=" or without a name are dropped. */
int config_parse(const char *json, size_t length, struct config *out, struct error *err);
/* BuildKit's members in BuildKit's order; what is absent or empty is left out. */
void config_render(const struct config *c, struct buf *out);
/* A deep copy into an empty config. */
void config_copy(const struct config *from, struct config *to);

/* Setters keep the order and replace in place, as Docker does. Texts are copied. */
void config_set_env(struct config *c, const char *name, const char *value);
const char *config_env(const struct config *c, const char *name); /* NULL if unset */
void config_set_label(struct config *c, const char *key, const char *value);
void config_add_volume(struct config *c, const char *path); /* no duplicates */
void config_add_port(struct config *c, const char *port);
void config_add_history(struct config *c, const struct history *h);
void config_add_diff_id(struct config *c, const struct digest *diff_id);
void labels_set(struct arena *a, struct labels *l, const char *key, const char *value);
void strings_set(struct arena *a, struct strings *s, const char *const *item, size_t count);
void strings_add(struct arena *a, struct strings *s, const char *item);

/* An image of the store: what its manifest and config say. */
struct image {
	struct digest manifest, config_digest;
	uint64_t manifest_size;
	char *media_type; /* of the manifest */
	struct config config;
	struct labels annotations; /* of the manifest; in the config's arena */
	struct layer *layers;      /* bottom first; diff_id, blob, size, compression are set */
	size_t layer_count;
};

void image_release(struct image *i);
DEFINE_CLEANUP_STRUCT(image, struct image, image_release);

/* Reads and checks manifest and config: media types, sizes, counts (layers == diff ids). If the
   digest is of an index, the entry that serves the platform best is taken, and the image's manifest
   fields are those of that entry; a manifest is taken whatever it is for. size UINT64_MAX: unknown.
   Layer blobs are not opened: their digests are checked by whoever reads them, their diff ids by
   layer_unpack(). */
int image_load_for(struct store *s, const struct digest *manifest, uint64_t size,
		   const struct platform *want, struct image *out, struct error *err);
/* For platform_any: to look at what is there. */
int image_load(struct store *s, const struct digest *manifest, uint64_t size, struct image *out,
	       struct error *err);

/* By name, by manifest digest, by image ID (config digest), by name@digest (the digest decides), or
   by a prefix of 4 or more hex digits of either digest that is unique; a name wins over a prefix.
   ERROR_NOT_FOUND says which names are near. */
int image_resolve_for(struct store *s, const char *what, const struct platform *want,
		      struct image *out, struct error *err);
/* For platform_any. */
int image_resolve(struct store *s, const char *what, struct image *out, struct error *err);

/* Writes config and manifest blobs for the layers (bottom first, empty ones already left out) and
   fills *ref (media_type, manifest, size; name NULL) and *id, the config digest. annotations are
   the manifest's; NULL: none. */
int image_publish(struct store *s, const struct config *config, const struct layer *layers,
		  size_t count, const struct labels *annotations, struct ref *ref,
		  struct digest *id, struct error *err);

/* Writes a manifest of our own for an image of the store: the same config and layers, and its
   annotations as they are now. Fills *ref like image_publish(). */
int image_republish(struct store *s, const struct image *image, struct ref *ref, struct error *err);
/* The size of its config, which is in nobody's hands but its manifest's. */
int image_config_size(struct store *s, const struct image *image, uint64_t *size,
		      struct error *err);

/* One image of an index. */
struct index_entry {
	const struct ref *ref; /* what it points at */
	struct platform platform;
	const struct labels *annotations; /* of the entry; NULL: none */
};

/* Writes an index of images and fills *ref like image_publish(). */
int index_publish(struct store *s, const struct index_entry *entries, size_t count,
		  const struct labels *annotations, struct ref *ref, struct error *err);

/* "linux/amd64" of this machine. */
void platform_host(const char **os, const char **architecture, const char **variant);

/* RFC 3339 UTC with seconds, as used in created fields; beyond the years 0 to 9999 the nearest of
   them. Parsing takes any offset and drops fractions. */
enum { TIMESTAMP_SIZE = 32 };
const char *timestamp_format(int64_t seconds, char out[TIMESTAMP_SIZE]);
bool timestamp_parse(const char *text, int64_t *seconds);

#endif
