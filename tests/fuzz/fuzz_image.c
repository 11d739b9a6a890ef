/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of images. A config that is accepted is the same after it was written and read, and
   after a copy; a manifest never has more in it than its limits. */
#include "layers/image.h"
#include "layers/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_config(const char *text, size_t size)
{
	auto_(config) struct config c = CONFIG_INIT;
	auto_(config) struct config again = CONFIG_INIT;
	auto_(config) struct config copy = CONFIG_INIT;
	auto_(buf) struct buf once = BUF_INIT;
	auto_(buf) struct buf twice = BUF_INIT;
	struct error err = ERROR_INIT;
	int64_t seconds;

	if (config_parse(text, size, &c, &err) < 0)
		return;
	if (c.layer_count > IMAGE_MAX_LAYERS)
		abort();
	for (size_t i = 0; i < c.env.count; i++)
		if (strchr(c.env.item[i], '=') == NULL || c.env.item[i][0] == '=')
			abort();
	if (c.created != NULL)
		timestamp_parse(c.created, &seconds);
	config_render(&c, &once);
	if (config_parse(once.data, once.length, &again, &err) < 0)
		abort();
	config_copy(&again, &copy);
	config_render(&copy, &twice);
	if (strcmp(once.data, twice.data) != 0)
		abort();
}

static void check_manifest(const char *text, size_t size)
{
	auto_(manifest) struct manifest m = MANIFEST_INIT;
	struct error err = ERROR_INIT;

	if (manifest_parse(text, size, NULL, &m, &err) < 0)
		return;
	if (m.count > MANIFEST_MAX_ENTRIES || m.media_type == NULL)
		abort();
	for (size_t i = 0; i < m.count; i++)
		if (m.items[i].media_type == NULL)
			abort();
	if (m.is_index) {
		const struct descriptor *d = manifest_pick(&m, &platform_any, &err);

		if (d != NULL && descriptor_is_attestation(d))
			abort();
	} else if (manifest_check_image(&m, &err) == 0 && m.count > IMAGE_MAX_LAYERS) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_config((const char *)data, size);
	check_manifest((const char *)data, size);
	return 0;
}
