/* device - how far the kernel reads ahead on the device of a file. */
#pragma once

#include <stdint.h>

/* Pages, from the device's read_ahead_kb; where that can't be found, what btrfs takes: 4 MiB. */
uint64_t device_readahead(int fd);
