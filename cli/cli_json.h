/*
 * cli_json.h - what --json prints: one JSON value for each command, an array of objects where
 * there may be several results.
 *
 * Names that are not UTF-8 come out with U+FFFD for each wrong byte and a second key NAME_base64
 * with the bytes.
 *
 * Owner:   a json_t given to a function here is taken over.
 * Threads: the main thread.
 */
#pragma once

#include <jansson.h>

#include "cli/cli_item.h"

void cli_json_begin(struct cli *cli); /* [ */
void cli_json_add(struct cli *cli, json_t *row);
void cli_json_end(struct cli *cli);   /* ] */
void cli_json_one(struct cli *cli, json_t *value);

void cli_json_text(json_t *object, const char *key, const char *text);
/* The same for @n bytes, whatever they are. */
void cli_json_text_n(json_t *object, const char *key, const char *text, size_t n);
void cli_json_number(json_t *object, const char *key, uint64_t value);
void cli_json_bool(json_t *object, const char *key, bool value);
/* "path" and everything that stat knows. */
json_t *cli_json_item(const struct cli_item *it);

/* An object with the path and the bytes that are written to it: {"path":..,"base64":".."} */
struct cli_base64 {
        struct cli *cli;
        unsigned char rest[3];
        size_t rest_n;
};
void cli_json_bytes_begin(struct cli_base64 *b, struct cli *cli, const char *path);
void cli_json_bytes(struct cli_base64 *b, const void *bytes, size_t n);
void cli_json_bytes_end(struct cli_base64 *b);
