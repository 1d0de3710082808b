/* Functions that cannot be used safely; the compiler stops at their name. Include last. */
#pragma once

#undef alloca /* glibc's <stdlib.h> makes it a macro, which cannot be poisoned */
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol gets alloca strncpy strncat
