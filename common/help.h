/*
 * help.h - what --help prints: options with their meanings, and paragraphs. The same strings make
 * the manual pages (common/mdoc.h).
 *
 * Options are one string: "-t THREADS\thow many at once\n" and so on. Lines have at most 100
 * columns.
 */
#pragma once

#include <stdio.h>

void help_options(const char *options, FILE *to);
void help_text(const char *text, FILE *to);
