// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/hash.h"

#include <unistd.h>

struct hash_secret hash__secret;

__attribute__((constructor)) static void hash__draw_secret(void)
{
	/* Where the kernel gives no random bytes, where it has put us is better than nothing. */
	if (getentropy(&hash__secret, sizeof(hash__secret)))
		hash__secret = (struct hash_secret){(uintptr_t)&hash__secret,
						    (uintptr_t)&hash__secret * 0x9e3779b97f4a7c15};
	hash__secret.factor |= 1;
}
