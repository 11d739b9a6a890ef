#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs one test program for prove: a unit test, a script or a bats file. $TESTLIMIT seconds are its
# limit, so that a hang is a failure with a name.
case $1 in
*.bats) set -- bats --tap "$@" ;;
*.sh) set -- sh "$@" ;;
esac
exec timeout --foreground -k 10 "${TESTLIMIT:-900}" "$@"
