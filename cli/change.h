/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of an image from instructions on the command line: --change "CMD /bin/sh".
 */
#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include "cli/option.h"
#include "layers/image.h"

/* Applies the instructions in order, as a Dockerfile that begins with FROM scratch would, to an
   empty config. Those that change files (RUN, COPY, ADD) and FROM, ARG and ONBUILD are refused with
   ERROR_USAGE. */
int config_from_changes(struct store *s, const struct option_list *changes, struct config *out,
			struct error *err);

#endif
