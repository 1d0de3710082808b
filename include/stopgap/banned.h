/* Functions that cannot be used safely; the compiler stops at their name. Include last. */
#pragma once

#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol gets alloca strncpy strncat
