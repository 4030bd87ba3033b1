/*
 * handlers.h - ClientProtocol's handlers, by noun.
 *
 * The table in serve_client.c says which method each answers and what was looked at before it runs.
 * A handler answers its call, at once or from the committer's thread (mutation.h).
 *
 * Threads: the connection's; a handler may block as rpc_server.h allows.
 */
#pragma once

#include "namenode/serve/serve.h"

/* ---- serve_read.c: status, summaries and questions about names ---- */

serve_handler serve_get_file_info;
serve_handler serve_get_file_link_info;
serve_handler serve_get_content_summary;
serve_handler serve_get_quota_usage;
serve_handler serve_get_preferred_block_size;
serve_handler serve_get_link_target;
serve_handler serve_check_access;
serve_handler serve_is_file_closed;
serve_handler serve_get_storage_policies;
serve_handler serve_get_storage_policy;
serve_handler serve_list_open_files;

/* ---- serve_list.c: listings ---- */

serve_handler serve_get_listing;
serve_handler serve_get_batched_listing;

/* ---- serve_locate.c: where bytes are ---- */

serve_handler serve_get_block_locations;
serve_handler serve_get_located_file_info;
serve_handler serve_report_bad_blocks;
serve_handler serve_list_corrupt;

/* ---- serve_tree_changes.c: changes of names and attributes ---- */

serve_handler serve_mkdirs;
serve_handler serve_delete;
serve_handler serve_rename;
serve_handler serve_rename2;
serve_handler serve_concat;
serve_handler serve_truncate;
serve_handler serve_set_permission;
serve_handler serve_set_owner;
serve_handler serve_set_times;
serve_handler serve_set_replication;
serve_handler serve_create_symlink;

/* ---- serve_open.c: files begun to be written ---- */

serve_handler serve_create;
serve_handler serve_append;

/* ---- serve_write.c: blocks of files being written ---- */

serve_handler serve_add_block;
serve_handler serve_abandon_block;
serve_handler serve_get_additional_datanode;
serve_handler serve_update_block_for_pipeline;
serve_handler serve_update_pipeline;

/* ---- serve_complete.c: what was written is there to stay ---- */

serve_handler serve_complete;
serve_handler serve_fsync;

/* ---- serve_lease.c: who may go on writing ---- */

serve_handler serve_renew_lease;
serve_handler serve_recover_lease;

/* ---- serve_admin.c: defaults, space, reports, and what dfsadmin asks ---- */

serve_handler serve_get_server_defaults;
serve_handler serve_get_fs_stats;
serve_handler serve_get_block_stats;
serve_handler serve_get_group_stats;
serve_handler serve_get_datanode_report;
serve_handler serve_get_storage_report;
serve_handler serve_set_safe_mode;
serve_handler serve_save_namespace;
serve_handler serve_roll_edits;
serve_handler serve_upgrade_status;
serve_handler serve_set_balancer_bandwidth;
serve_handler serve_get_ha_state;
serve_handler serve_get_enclosing_root;

/* ---- serve_metasave.c: the state as a text, in a file ---- */

serve_handler serve_meta_save;

/* ---- serve_features_off.c: features that are switched off ---- */

serve_handler serve_acl_off;
serve_handler serve_xattr_off;
serve_handler serve_set_policy_off;
serve_handler serve_unset_policy_off;
serve_handler serve_satisfy_policy_off;
serve_handler serve_renew_token_off;
serve_handler serve_cancel_token_off;
serve_handler serve_create_zone;
serve_handler serve_set_ec_policy;
serve_handler serve_unset_ec_policy;
serve_handler serve_get_ec_policy;
serve_handler serve_create_snapshot;
serve_handler serve_delete_snapshot;
serve_handler serve_rename_snapshot;
