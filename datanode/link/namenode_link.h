/*
 * namenode_link.h - the connection to one namenode: registration, heartbeats, reports, orders.
 *
 * Reports: changes go in order, one request under way at a time. Whoever needs a change to be known
 * (a seal, before its last ack) sends what waits itself, or waits for the one who is sending; so
 * seals at the same time share requests. What nobody waits for goes out with the link's thread.
 *
 * Orders of a heartbeat's answer are carried out by a second thread (deletions at once and in
 * slices), copies by threads of their own, at most COPIES_MAX.
 *
 * Owner:   struct datanode.
 * Threads: two per link, and those of copies. namenode_links_report() from any thread.
 * Errors:  a namenode that cannot be reached is tried again for ever, with back-off.
 */
#pragma once

#include "common/os.h"

struct datanode;
struct namenode_link;
struct orders;

/* @server: "host:port". All links of a datanode are made before one is started. */
enum bdfs_status namenode_link_new(struct namenode_link **ret, struct datanode *dn,
                                   const char *server, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status namenode_link_start(struct namenode_link *l, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* What it was ordered, for those who carry it out. */
struct orders *namenode_link_orders(struct namenode_link *l);
/* Make its threads end soon; then wait for them and free. NULL is fine. */
void namenode_link_shutdown(struct namenode_link *l);
void namenode_link_free(struct namenode_link *l);

/* Wait until every namenode that is connected has applied change number @change; true when all
 * have. A namenode that is not registered with is not waited for: it will be told. */
bool namenode_links_report(struct datanode *dn, uint64_t change, int64_t deadline_ms);
/* Send everything anew at the next chance (triggerBlockReport). */
void namenode_links_full_report(struct datanode *dn);
/* Ask a namenode that is connected whether @user may read a file that has @block. UNAVAILABLE: none
 * is, or it did not answer. */
enum bdfs_status namenode_links_may_read(struct datanode *dn, uint64_t block, const char *user,
                                         bool *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
bool namenode_link_registered(struct namenode_link *l);
