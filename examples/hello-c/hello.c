/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

int main(void)
{
	printf("Hello from a container of one file.\n");
	return 0;
}
