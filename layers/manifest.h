/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes: the documents that tie blobs together (OCI image-spec 1.1 manifest.md and
 * image-index.md; docker's schema 2 manifest and manifest list have the same members).
 */
#ifndef LAYERS_MANIFEST_H
#define LAYERS_MANIFEST_H

#include "common/arena.h"
#include "layers/image.h"
#include "layers/json.h"
#include "layers/platform.h"

#define MEDIA_DOCKER_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"

/* Annotations of an index entry that hold an image name; the first is a whole name, the second
   may be only a tag. */
#define ANNOTATION_IMAGE_NAME "io.containerd.image.name"
#define ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"

enum { MANIFEST_MAX_ENTRIES = 10000, MANIFEST_MAX_NESTING = 2 };

/* A reference to a blob. Texts are in the arena of the manifest, NULL if missing. */
struct descriptor {
	struct digest digest;
	uint64_t size;
	const char *media_type;
	const char *os, *architecture, *variant; /* of an index entry's platform */
	const char *image_name, *ref_name;       /* the two annotations above */
};

struct manifest {
	struct arena arena;
	bool is_index;
	const char *media_type;
	struct descriptor config; /* of a manifest */
	struct descriptor *items; /* layers, bottom first, or the entries of an index */
	size_t count;
	struct labels annotations;
};

#define MANIFEST_INIT                                                                              \
	{                                                                                          \
		.arena = ARENA_INIT                                                                \
	}

void manifest_release(struct manifest *m);
DEFINE_CLEANUP_STRUCT(manifest, struct manifest, manifest_release);

/* media_type is what the reference to the document says, or NULL. The document may leave its own
   out but must not contradict (CVE-2021-41190); one with both `manifests` and `layers` is
   refused. */
int manifest_parse(const char *text, size_t length, const char *media_type, struct manifest *out,
		   struct error *err);
/* Whether config and layers are those of an image: an artifact's are of any type. */
int manifest_check_image(const struct manifest *m, struct error *err);

bool media_type_is_index(const char *media_type);
bool media_type_is_manifest(const char *media_type);

/* True for attestations and the like, which no platform runs. */
bool descriptor_is_attestation(const struct descriptor *d);

/* How well its platform serves what is wanted: see platform_fits(). */
int descriptor_fits(const struct descriptor *d, const struct platform *want);

/* The entry of an index that serves best (the first of equals); a lone entry may leave its platform
   out. ERROR_NOT_FOUND names the platforms there are. */
const struct descriptor *manifest_pick(const struct manifest *index, const struct platform *want,
				       struct error *err);

/* One manifest or index of the store, verified. size UINT64_MAX: unknown; *size comes out as it
   is. media_type is what refers to it says, or NULL. */
int manifest_read(struct store *s, const struct digest *digest, uint64_t *size,
		  const char *media_type, struct manifest *out, struct error *err);

/* The manifest of a store's image, verified and checked; an index is followed to the entry for what
   is wanted. *digest and *size (UINT64_MAX: unknown) go in as what is looked for and come out as
   what was found. */
int manifest_load(struct store *s, struct digest *digest, uint64_t *size,
		  const struct platform *want, struct manifest *out, struct error *err);

/* The compression of a layer's media type, docker's and non-distributable ones included. */
int manifest_compression(const struct descriptor *layer, enum compression *out, struct error *err);

/* Our own manifest for a config and layers. Annotations may be NULL. */
void manifest_render(const struct digest *config, uint64_t config_size, const struct layer *layers,
		     size_t count, const struct labels *annotations, struct buf *out);

/* Adds labels as the member "annotations", sorted by key, unless there are none. */
void annotations_add(struct json *object, const struct labels *annotations);

#endif
