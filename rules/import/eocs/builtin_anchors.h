/* The files of conf/microsoft-roots as bytes of the program; written by embed.cmake. */
#pragma once

extern const char eocs_builtin_sign[];  /* PEM, NUL-terminated: roots of document signers */
extern const char eocs_builtin_stamp[]; /* the same for signers of time stamps */
