/* terminal - what is known of the terminal's type. */
#pragma once

#include <stdbool.h>

/* Whether newterm(3) will know $TERM; where it does not, it leaks memory, so ask before. */
bool terminal_is_known(void);
