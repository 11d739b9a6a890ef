/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#ifndef VARVE_LIBRARIES /* analysers; the Makefile asks pkg-config */
#define VARVE_LIBRARIES "unknown libraries"
#endif

const char cli_version[] = VARVE_VERSION;
const char cli_libraries[] = VARVE_LIBRARIES;
