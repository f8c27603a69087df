/* terminal - what is known of the terminal's type. */
#pragma once

#include <stdbool.h>

/* Whether newterm(3) will know $TERM: it leaks where it does not. */
bool terminal_is_known(void);
