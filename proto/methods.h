/*
 * methods.h - every call of every protocol: its name, its messages, how often it may be applied.
 *
 * The list makes the enum, the lookup table and, in the server, the dispatch. It is sorted by
 * protocol in the order of PROTOCOL_MAP, then by name in byte order; the unit test holds it so.
 * ONCE marks the calls whose saved answer must be replayed when they are sent again with the same
 * client id and call id; ANY marks those that may simply be done again.
 *
 * Owner, threads: constant tables.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

/*        id               declaringClassProtocolName, all in version METHOD_PROTOCOL_VERSION */
#define PROTOCOL_MAP(X) \
        X(CLIENT,          "org.apache.hadoop.hdfs.protocol.ClientProtocol") \
        X(DATANODE,        "org.apache.hadoop.hdfs.protocol.ClientDatanodeProtocol") \
        X(RECONFIGURATION, "org.apache.hadoop.hdfs.protocol.ReconfigurationProtocol") \
        X(HA,              "org.apache.hadoop.ha.HAServiceProtocol") \
        X(USER_MAPPINGS,   "org.apache.hadoop.tools.GetUserMappingsProtocol") \
        X(GENERIC_REFRESH, "org.apache.hadoop.ipc.GenericRefreshProtocol") \
        X(CALL_QUEUE,      "org.apache.hadoop.ipc.RefreshCallQueueProtocol") \
        X(REFRESH_USERS,   "org.apache.hadoop.security.RefreshUserMappingsProtocol") \
        X(REFRESH_POLICY, \
          "org.apache.hadoop.security.authorize.RefreshAuthorizationPolicyProtocol") \
        X(NAMENODE,        "org.apache.hadoop.hdfs.server.protocol.NamenodeProtocol") \
        X(META_INFO,       "org.apache.hadoop.ipc.ProtocolMetaInfoPB") \
        X(BDFS_DATANODE,   "bdfs.DatanodeService") \
        X(BDFS_CLIENT,     "bdfs.ClientService") \
        X(BDFS_AGENT,      "bdfs.AgentService")

#define METHOD_PROTOCOL_VERSION 1

enum protocol_id {
#define X(id, name) PROTOCOL_##id,
        PROTOCOL_MAP(X)
#undef X
        PROTOCOL_COUNT
};

/* protocol, method, stem of its messages' names (package hadoop), ONCE or ANY */
#define METHOD_MAP_HADOOP(X) \
        X(CLIENT, abandonBlock, abandon_block, ANY) \
        X(CLIENT, addBlock, add_block, ANY) \
        X(CLIENT, addCacheDirective, add_cache_directive, ONCE) \
        X(CLIENT, addCachePool, add_cache_pool, ONCE) \
        X(CLIENT, addErasureCodingPolicies, add_erasure_coding_policies, ONCE) \
        X(CLIENT, allowSnapshot, allow_snapshot, ANY) \
        X(CLIENT, append, append, ONCE) \
        X(CLIENT, cancelDelegationToken, cancel_delegation_token, ANY) \
        X(CLIENT, checkAccess, check_access, ANY) \
        X(CLIENT, complete, complete, ANY) \
        X(CLIENT, concat, concat, ONCE) \
        X(CLIENT, create, create, ONCE) \
        X(CLIENT, createEncryptionZone, create_encryption_zone, ONCE) \
        X(CLIENT, createSnapshot, create_snapshot, ONCE) \
        X(CLIENT, createSymlink, create_symlink, ONCE) \
        X(CLIENT, delete, delete, ONCE) \
        X(CLIENT, deleteSnapshot, delete_snapshot, ONCE) \
        X(CLIENT, disableErasureCodingPolicy, disable_erasure_coding_policy, ONCE) \
        X(CLIENT, disallowSnapshot, disallow_snapshot, ANY) \
        X(CLIENT, enableErasureCodingPolicy, enable_erasure_coding_policy, ONCE) \
        X(CLIENT, finalizeUpgrade, finalize_upgrade, ANY) \
        X(CLIENT, fsync, fsync, ANY) \
        X(CLIENT, getAclStatus, get_acl_status, ANY) \
        X(CLIENT, getAdditionalDatanode, get_additional_datanode, ANY) \
        X(CLIENT, getBatchedListing, get_batched_listing, ANY) \
        X(CLIENT, getBlockLocations, get_block_locations, ANY) \
        X(CLIENT, getContentSummary, get_content_summary, ANY) \
        X(CLIENT, getCurrentEditLogTxid, get_current_edit_log_txid, ANY) \
        X(CLIENT, getDataEncryptionKey, get_data_encryption_key, ANY) \
        X(CLIENT, getDatanodeReport, get_datanode_report, ANY) \
        X(CLIENT, getDatanodeStorageReport, get_datanode_storage_report, ANY) \
        X(CLIENT, getDelegationToken, get_delegation_token, ANY) \
        X(CLIENT, getECTopologyResultForPolicies, get_ectopology_result_for_policies, ANY) \
        X(CLIENT, getEZForPath, get_ezfor_path, ANY) \
        X(CLIENT, getEditsFromTxid, get_edits_from_txid, ANY) \
        X(CLIENT, getEnclosingRoot, get_enclosing_root, ANY) \
        X(CLIENT, getErasureCodingCodecs, get_erasure_coding_codecs, ANY) \
        X(CLIENT, getErasureCodingPolicies, get_erasure_coding_policies, ANY) \
        X(CLIENT, getErasureCodingPolicy, get_erasure_coding_policy, ANY) \
        X(CLIENT, getFileInfo, get_file_info, ANY) \
        X(CLIENT, getFileLinkInfo, get_file_link_info, ANY) \
        X(CLIENT, getFsECBlockGroupStats, get_fs_ecblock_group_stats, ANY) \
        X(CLIENT, getFsReplicatedBlockStats, get_fs_replicated_block_stats, ANY) \
        X(CLIENT, getFsStats, get_fs_stats, ANY) \
        X(CLIENT, getHAServiceState, haservice_state, ANY) \
        X(CLIENT, getLinkTarget, get_link_target, ANY) \
        X(CLIENT, getListing, get_listing, ANY) \
        X(CLIENT, getLocatedFileInfo, get_located_file_info, ANY) \
        X(CLIENT, getPreferredBlockSize, get_preferred_block_size, ANY) \
        X(CLIENT, getQuotaUsage, get_quota_usage, ANY) \
        X(CLIENT, getServerDefaults, get_server_defaults, ANY) \
        X(CLIENT, getSlowDatanodeReport, get_slow_datanode_report, ANY) \
        X(CLIENT, getSnapshotDiffReport, get_snapshot_diff_report, ANY) \
        X(CLIENT, getSnapshotDiffReportListing, get_snapshot_diff_report_listing, ANY) \
        X(CLIENT, getSnapshotListing, get_snapshot_listing, ANY) \
        X(CLIENT, getSnapshottableDirListing, get_snapshottable_dir_listing, ANY) \
        X(CLIENT, getStoragePolicies, get_storage_policies, ANY) \
        X(CLIENT, getStoragePolicy, get_storage_policy, ANY) \
        X(CLIENT, getXAttrs, get_xattrs, ANY) \
        X(CLIENT, isFileClosed, is_file_closed, ANY) \
        X(CLIENT, listCacheDirectives, list_cache_directives, ANY) \
        X(CLIENT, listCachePools, list_cache_pools, ANY) \
        X(CLIENT, listCorruptFileBlocks, list_corrupt_file_blocks, ANY) \
        X(CLIENT, listEncryptionZones, list_encryption_zones, ANY) \
        X(CLIENT, listOpenFiles, list_open_files, ANY) \
        X(CLIENT, listReencryptionStatus, list_reencryption_status, ANY) \
        X(CLIENT, listXAttrs, list_xattrs, ANY) \
        X(CLIENT, metaSave, meta_save, ANY) \
        X(CLIENT, mkdirs, mkdirs, ANY) \
        X(CLIENT, modifyAclEntries, modify_acl_entries, ANY) \
        X(CLIENT, modifyCacheDirective, modify_cache_directive, ONCE) \
        X(CLIENT, modifyCachePool, modify_cache_pool, ONCE) \
        X(CLIENT, msync, msync, ANY) \
        X(CLIENT, recoverLease, recover_lease, ANY) \
        X(CLIENT, reencryptEncryptionZone, reencrypt_encryption_zone, ONCE) \
        X(CLIENT, refreshNodes, refresh_nodes, ANY) \
        X(CLIENT, removeAcl, remove_acl, ANY) \
        X(CLIENT, removeAclEntries, remove_acl_entries, ANY) \
        X(CLIENT, removeCacheDirective, remove_cache_directive, ONCE) \
        X(CLIENT, removeCachePool, remove_cache_pool, ONCE) \
        X(CLIENT, removeDefaultAcl, remove_default_acl, ANY) \
        X(CLIENT, removeErasureCodingPolicy, remove_erasure_coding_policy, ONCE) \
        X(CLIENT, removeXAttr, remove_xattr, ONCE) \
        X(CLIENT, rename, rename, ONCE) \
        X(CLIENT, rename2, rename2, ONCE) \
        X(CLIENT, renameSnapshot, rename_snapshot, ONCE) \
        X(CLIENT, renewDelegationToken, renew_delegation_token, ANY) \
        X(CLIENT, renewLease, renew_lease, ANY) \
        X(CLIENT, reportBadBlocks, report_bad_blocks, ANY) \
        X(CLIENT, restoreFailedStorage, restore_failed_storage, ANY) \
        X(CLIENT, rollEdits, roll_edits, ANY) \
        X(CLIENT, rollingUpgrade, rolling_upgrade, ANY) \
        X(CLIENT, satisfyStoragePolicy, satisfy_storage_policy, ONCE) \
        X(CLIENT, saveNamespace, save_namespace, ONCE) \
        X(CLIENT, setAcl, set_acl, ANY) \
        X(CLIENT, setBalancerBandwidth, set_balancer_bandwidth, ANY) \
        X(CLIENT, setErasureCodingPolicy, set_erasure_coding_policy, ONCE) \
        X(CLIENT, setOwner, set_owner, ANY) \
        X(CLIENT, setPermission, set_permission, ANY) \
        X(CLIENT, setQuota, set_quota, ANY) \
        X(CLIENT, setReplication, set_replication, ANY) \
        X(CLIENT, setSafeMode, set_safe_mode, ANY) \
        X(CLIENT, setStoragePolicy, set_storage_policy, ANY) \
        X(CLIENT, setTimes, set_times, ANY) \
        X(CLIENT, setXAttr, set_xattr, ONCE) \
        X(CLIENT, truncate, truncate, ANY) \
        X(CLIENT, unsetErasureCodingPolicy, unset_erasure_coding_policy, ONCE) \
        X(CLIENT, unsetStoragePolicy, unset_storage_policy, ANY) \
        X(CLIENT, updateBlockForPipeline, update_block_for_pipeline, ANY) \
        X(CLIENT, updatePipeline, update_pipeline, ONCE) \
        X(CLIENT, upgradeStatus, upgrade_status, ANY) \
        X(DATANODE, deleteBlockPool, delete_block_pool, ANY) \
        X(DATANODE, evictWriters, evict_writers, ANY) \
        X(DATANODE, getBalancerBandwidth, get_balancer_bandwidth, ANY) \
        X(DATANODE, getBlockLocalPathInfo, get_block_local_path_info, ANY) \
        X(DATANODE, getDatanodeInfo, get_datanode_info, ANY) \
        X(DATANODE, getReplicaVisibleLength, get_replica_visible_length, ANY) \
        X(DATANODE, getVolumeReport, get_volume_report, ANY) \
        X(DATANODE, refreshNamenodes, refresh_namenodes, ANY) \
        X(DATANODE, shutdownDatanode, shutdown_datanode, ANY) \
        X(DATANODE, triggerBlockReport, trigger_block_report, ANY) \
        X(RECONFIGURATION, getReconfigurationStatus, get_reconfiguration_status, ANY) \
        X(RECONFIGURATION, listReconfigurableProperties, list_reconfigurable_properties, ANY) \
        X(RECONFIGURATION, startReconfiguration, start_reconfiguration, ANY) \
        X(HA, getServiceStatus, get_service_status, ANY) \
        X(HA, monitorHealth, monitor_health, ANY) \
        X(HA, transitionToActive, transition_to_active, ANY) \
        X(HA, transitionToObserver, transition_to_observer, ANY) \
        X(HA, transitionToStandby, transition_to_standby, ANY) \
        X(USER_MAPPINGS, getGroupsForUser, get_groups_for_user, ANY) \
        X(GENERIC_REFRESH, refresh, generic_refresh, ANY) \
        X(CALL_QUEUE, refreshCallQueue, refresh_call_queue, ANY) \
        X(REFRESH_USERS, refreshSuperUserGroupsConfiguration, \
          refresh_super_user_groups_configuration, ANY) \
        X(REFRESH_USERS, refreshUserToGroupsMappings, refresh_user_to_groups_mappings, ANY) \
        X(REFRESH_POLICY, refreshServiceAcl, refresh_service_acl, ANY) \
        X(NAMENODE, versionRequest, version, ANY) \
        X(META_INFO, getProtocolSignature, get_protocol_signature, ANY) \
        X(META_INFO, getProtocolVersions, get_protocol_versions, ANY)

/* The same for package bdfs. */
#define METHOD_MAP_BDFS(X) \
        X(BDFS_DATANODE, challenge, challenge, ANY) \
        X(BDFS_DATANODE, fullReport, full_report, ANY) \
        X(BDFS_DATANODE, heartbeat, heartbeat, ANY) \
        X(BDFS_DATANODE, mayRead, may_read, ANY) \
        X(BDFS_DATANODE, register, register, ANY) \
        X(BDFS_DATANODE, report, report, ANY) \
        X(BDFS_CLIENT, checkpoint, checkpoint, ANY) \
        X(BDFS_CLIENT, digest, digest, ANY) \
        X(BDFS_CLIENT, fileInfo, file_info, ANY) \
        X(BDFS_CLIENT, fsck, fsck, ANY) \
        X(BDFS_CLIENT, nodes, nodes, ANY) \
        X(BDFS_CLIENT, serverInfo, server_info, ANY) \
        X(BDFS_AGENT, beginJob, begin_job, ANY) \
        X(BDFS_AGENT, endJob, end_job, ANY) \
        X(BDFS_AGENT, fetch, fetch, ANY) \
        X(BDFS_AGENT, logs, logs, ANY) \
        X(BDFS_AGENT, poll, poll, ANY) \
        X(BDFS_AGENT, putFile, put_file, ANY) \
        X(BDFS_AGENT, startAttempt, start_attempt, ANY)   

enum method_id {
#define X(protocol, name, stem, times) METHOD_##protocol##_##name,
        METHOD_MAP_HADOOP(X) METHOD_MAP_BDFS(X)
#undef X
        METHOD_COUNT
};

struct method {
        enum method_id id;
        enum protocol_id protocol;
        const char *protocol_name; /* declaringClassProtocolName */
        const char *name;
        const ProtobufCMessageDescriptor *request, *response;
        bool once; /* keep the answer for retries */
};

/* Never NULL for an id below METHOD_COUNT. */
const struct method *method_of(enum method_id id);
/* NULL: no such call; then method_protocol() tells an unknown protocol from an unknown method. */
const struct method *method_find(const char *protocol, size_t protocol_n, const char *name,
                                 size_t name_n);
/* PROTOCOL_COUNT: not one of ours. */
enum protocol_id method_protocol(const char *protocol, size_t n);
