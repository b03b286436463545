/** Roles that servers have by themselves, by the release that brought them; 9.6 and older have no rule. */
const since: ReadonlyMap<string, number> = new Map([
  ['pg_monitor', 10],
  ['pg_read_all_settings', 10],
  ['pg_read_all_stats', 10],
  ['pg_stat_scan_tables', 10],
  ['pg_execute_server_program', 11],
  ['pg_read_server_files', 11],
  ['pg_write_server_files', 11],
  ['pg_database_owner', 14],
  ['pg_read_all_data', 14],
  ['pg_write_all_data', 14],
  ['pg_checkpoint', 15],
  ['pg_create_subscription', 16],
  ['pg_use_reserved_connections', 16],
  ['pg_maintain', 17],
  ['pg_signal_autovacuum_worker', 18],
])

/** Whether a name is that of a role which servers of `release` lack; nobody can make one of such a name (`pg_…`). */
export function isMissingRole(name: string, release: number): boolean {
  return (since.get(name) ?? 0) > release
}

/** Roles by the release that brought them, newest first. */
export function predefinedRoles(): readonly { readonly since: number; readonly names: readonly string[] }[] {
  const releases = [...new Set(since.values())].sort((a, b) => b - a)
  return releases.map((release) => ({
    since: release,
    names: [...since].filter(([, brought]) => brought === release).map(([name]) => name),
  }))
}
