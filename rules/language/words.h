/* Looking up the words of the rule language. Private to this folder. */
#pragma once

#include "rule.h"

/* Index of text among words[0..n), or n. */
size_t word_index(const char *const *words, size_t n, const char *text);

/* The word that text was probably meant to be: at most two letters away. NULL: none is near. */
const char *word_closest(const char *const *words, size_t n, const char *text);

extern const char *const field_words[FIELD_COUNT];
extern const char *const activation_words[ACTIVATION_COUNT];
extern const char *const action_words[];
extern const size_t n_action_words;
