/*
 * ClientProtocol: who answers which call, and what is asked of the caller and of the namenode
 * before. A method without a row is answered as unknown. Where a handler makes one of these checks
 * itself, since the order of refusals or their words want it, its row says so.
 */
#include "namenode/serve/handlers.h"

static const struct serve_call client_calls[] = {
        /* serve_read.c: status, summaries and questions about names */
        [METHOD_CLIENT_getFileInfo] = {serve_get_file_info},
        [METHOD_CLIENT_getFileLinkInfo] = {serve_get_file_link_info},
        [METHOD_CLIENT_getContentSummary] = {serve_get_content_summary},
        [METHOD_CLIENT_getQuotaUsage] = {serve_get_quota_usage},
        [METHOD_CLIENT_getPreferredBlockSize] = {serve_get_preferred_block_size},
        [METHOD_CLIENT_getLinkTarget] = {serve_get_link_target},
        [METHOD_CLIENT_checkAccess] = {serve_check_access},
        [METHOD_CLIENT_isFileClosed] = {serve_is_file_closed},
        [METHOD_CLIENT_getStoragePolicies] = {serve_get_storage_policies},
        [METHOD_CLIENT_getStoragePolicy] = {serve_get_storage_policy},
        [METHOD_CLIENT_listOpenFiles] = {serve_list_open_files, SERVE_SUPERUSER, "listOpenFiles"},

        /* serve_list.c: listings */
        [METHOD_CLIENT_getListing] = {serve_get_listing},
        [METHOD_CLIENT_getBatchedListing] = {serve_get_batched_listing},

        /* serve_locate.c: where bytes are */
        [METHOD_CLIENT_getBlockLocations] = {serve_get_block_locations},
        [METHOD_CLIENT_getLocatedFileInfo] = {serve_get_located_file_info},
        [METHOD_CLIENT_reportBadBlocks] = {serve_report_bad_blocks},
        [METHOD_CLIENT_listCorruptFileBlocks] =
                {serve_list_corrupt, SERVE_SUPERUSER, "listCorruptFileBlocks"},

        /* serve_tree_changes.c: changes of names and attributes */
        [METHOD_CLIENT_mkdirs] = {serve_mkdirs, SERVE_CHANGES, "Cannot create directory ", "src"},
        [METHOD_CLIENT_delete] = {serve_delete, SERVE_CHANGES, "Cannot delete ", "src"},
        [METHOD_CLIENT_rename] = {serve_rename, SERVE_CHANGES, "Cannot rename ", "src"},
        [METHOD_CLIENT_rename2] = {serve_rename2, SERVE_CHANGES, "Cannot rename ", "src"},
        [METHOD_CLIENT_concat] = {serve_concat, SERVE_CHANGES, "Cannot concat ", "trg"},
        [METHOD_CLIENT_truncate] = {serve_truncate, SERVE_CHANGES, "Cannot truncate for ", "src"},
        [METHOD_CLIENT_setPermission] =
                {serve_set_permission, SERVE_CHANGES, "Cannot set permission for ", "src"},
        [METHOD_CLIENT_setOwner] = {serve_set_owner, SERVE_CHANGES, "Cannot set owner for ", "src"},
        [METHOD_CLIENT_setTimes] = {serve_set_times, SERVE_CHANGES, "Cannot set times ", "src"},
        [METHOD_CLIENT_setReplication] =
                {serve_set_replication, SERVE_CHANGES, "Cannot set replication for ", "src"},
        /* looks at safe mode itself: Hadoop's port has no symlinks, on or off */
        [METHOD_CLIENT_createSymlink] = {serve_create_symlink},

        /* serve_open.c: files begun to be written */
        /* looks at safe mode itself, after the policies that are asked for */
        [METHOD_CLIENT_create] = {serve_create},
        [METHOD_CLIENT_append] = {serve_append, SERVE_CHANGES, "Cannot append to file", "src"},

        /* serve_write.c: blocks of files being written */
        [METHOD_CLIENT_addBlock] = {serve_add_block, SERVE_CHANGES, "Cannot add block to ", "src"},
        /* looks at safe mode itself: its words name the block */
        [METHOD_CLIENT_abandonBlock] = {serve_abandon_block},
        [METHOD_CLIENT_getAdditionalDatanode] =
                {serve_get_additional_datanode, SERVE_CHANGES,
                 "Cannot get additional datanode for block ", "src"},
        /* the same */
        [METHOD_CLIENT_updateBlockForPipeline] = {serve_update_block_for_pipeline},
        [METHOD_CLIENT_updatePipeline] =
                {serve_update_pipeline, SERVE_CHANGES, "Cannot update pipeline"},

        /* serve_complete.c: what was written is there to stay */
        [METHOD_CLIENT_complete] = {serve_complete, SERVE_CHANGES, "Cannot complete file ", "src"},
        [METHOD_CLIENT_fsync] = {serve_fsync, SERVE_CHANGES, "Cannot fsync file ", "src"},

        /* serve_lease.c: who may go on writing */
        [METHOD_CLIENT_renewLease] =
                {serve_renew_lease, SERVE_CHANGES, "Cannot renew lease for ", "clientName"},
        [METHOD_CLIENT_recoverLease] =
                {serve_recover_lease, SERVE_CHANGES, "Cannot recover the lease of ", "src"},

        /* serve_admin.c: defaults, space, reports, and what dfsadmin asks */
        [METHOD_CLIENT_getServerDefaults] = {serve_get_server_defaults},
        [METHOD_CLIENT_getFsStats] = {serve_get_fs_stats},
        [METHOD_CLIENT_getFsReplicatedBlockStats] = {serve_get_block_stats},
        [METHOD_CLIENT_getFsECBlockGroupStats] = {serve_get_group_stats},
        [METHOD_CLIENT_getDatanodeReport] =
                {serve_get_datanode_report, SERVE_SUPERUSER, "datanodeReport"},
        [METHOD_CLIENT_getDatanodeStorageReport] =
                {serve_get_storage_report, SERVE_SUPERUSER, "getDatanodeStorageReport"},
        /* anybody may ask; it looks at who wants a change itself */
        [METHOD_CLIENT_setSafeMode] = {serve_set_safe_mode},
        [METHOD_CLIENT_saveNamespace] = {serve_save_namespace, SERVE_SUPERUSER, "saveNamespace"},
        [METHOD_CLIENT_rollEdits] = {serve_roll_edits, SERVE_SUPERUSER, "rollEditLog"},
        [METHOD_CLIENT_upgradeStatus] = {serve_upgrade_status},
        [METHOD_CLIENT_refreshNodes] = {serve_empty, SERVE_SUPERUSER, "refreshNodes"},
        [METHOD_CLIENT_finalizeUpgrade] = {serve_empty, SERVE_SUPERUSER, "finalizeUpgrade"},
        [METHOD_CLIENT_rollingUpgrade] = {serve_empty, SERVE_SUPERUSER, "queryRollingUpgrade"},
        [METHOD_CLIENT_restoreFailedStorage] =
                {serve_empty, SERVE_SUPERUSER, "checkRestoreFailedStorage"},
        [METHOD_CLIENT_setBalancerBandwidth] =
                {serve_set_balancer_bandwidth, SERVE_SUPERUSER, "setBalancerBandwidth"},
        [METHOD_CLIENT_getHAServiceState] = {serve_get_ha_state},
        [METHOD_CLIENT_getEnclosingRoot] = {serve_get_enclosing_root},

        /* serve_metasave.c: the state as a text, in a file */
        [METHOD_CLIENT_metaSave] = {serve_meta_save, SERVE_SUPERUSER, "metaSave"},

        /* serve_features_off.c: features that are switched off */
        [METHOD_CLIENT_getAclStatus] = {serve_acl_off},
        [METHOD_CLIENT_modifyAclEntries] = {serve_acl_off},
        [METHOD_CLIENT_removeAclEntries] = {serve_acl_off},
        [METHOD_CLIENT_removeDefaultAcl] = {serve_acl_off},
        [METHOD_CLIENT_removeAcl] = {serve_acl_off},
        [METHOD_CLIENT_setAcl] = {serve_acl_off},
        [METHOD_CLIENT_setXAttr] = {serve_xattr_off},
        [METHOD_CLIENT_getXAttrs] = {serve_xattr_off},
        [METHOD_CLIENT_listXAttrs] = {serve_xattr_off},
        [METHOD_CLIENT_removeXAttr] = {serve_xattr_off},
        [METHOD_CLIENT_setStoragePolicy] = {serve_set_policy_off},
        [METHOD_CLIENT_unsetStoragePolicy] = {serve_unset_policy_off},
        [METHOD_CLIENT_satisfyStoragePolicy] = {serve_satisfy_policy_off},
        [METHOD_CLIENT_renewDelegationToken] = {serve_renew_token_off},
        [METHOD_CLIENT_cancelDelegationToken] = {serve_cancel_token_off},
        [METHOD_CLIENT_createEncryptionZone] =
                {serve_create_zone, SERVE_SUPERUSER, "createEncryptionZone"},
        [METHOD_CLIENT_listEncryptionZones] = {serve_empty, SERVE_SUPERUSER, "listEncryptionZones"},
        [METHOD_CLIENT_listReencryptionStatus] =
                {serve_empty, SERVE_SUPERUSER, "listReencryptionStatus"},
        [METHOD_CLIENT_setErasureCodingPolicy] = {serve_set_ec_policy},
        [METHOD_CLIENT_unsetErasureCodingPolicy] = {serve_unset_ec_policy},
        [METHOD_CLIENT_getErasureCodingPolicy] = {serve_get_ec_policy},
        [METHOD_CLIENT_createSnapshot] = {serve_create_snapshot},
        [METHOD_CLIENT_deleteSnapshot] = {serve_delete_snapshot},
        [METHOD_CLIENT_renameSnapshot] = {serve_rename_snapshot},
        [METHOD_CLIENT_getErasureCodingPolicies] = {serve_empty},
        [METHOD_CLIENT_getErasureCodingCodecs] = {serve_empty},
        [METHOD_CLIENT_getDelegationToken] = {serve_empty},
        [METHOD_CLIENT_getDataEncryptionKey] = {serve_empty},
        [METHOD_CLIENT_getEZForPath] = {serve_empty},
        [METHOD_CLIENT_getSnapshottableDirListing] = {serve_empty},
        [METHOD_CLIENT_getSlowDatanodeReport] = {serve_empty},
        [METHOD_CLIENT_listCacheDirectives] = {serve_empty},
        [METHOD_CLIENT_listCachePools] = {serve_empty},
        [METHOD_CLIENT_msync] = {serve_empty},
};

static void client_run(void *context, struct rpc_call *call)
{
        serve_run(client_calls, context, call);
}

rpc_handler *serve_client_handler(const struct method *m)
{
        return SERVE_HAS(client_calls, m) ? client_run : NULL;
}
