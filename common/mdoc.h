/*
 * mdoc.h - manual pages in mdoc(7), from the strings that --help prints (common/help.h).
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* The page @name(@section); @what is its one line. */
void mdoc_head(const char *name, int section, const char *what, FILE *to);
/* Words in which nothing is a macro or an escape; without an LF at the end. */
void mdoc_words(const char *text, size_t n, FILE *to);
void mdoc_line(const char *text, FILE *to);
/* Sentences, each on a line of its own as mdoc wants it. */
void mdoc_paragraph(const char *text, FILE *to);
/* @text as a sentence: with a capital and a full stop. */
void mdoc_sentence(const char *text, FILE *to);
/* "-t THREADS\thow many at once\n" and so on, as a list. */
void mdoc_options(const char *options, FILE *to);
/* Lines as they are; nothing for "". */
void mdoc_examples(const char *examples, FILE *to);
