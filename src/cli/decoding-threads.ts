/**
 * Threads that decompress for a restore in so many sessions. A server takes longer with rows than this thread with
 * decompressing them for two of its sessions: another thread would only take a core from them. Bench cases "restore
 * gzip", "restore gzip -j 2".
 */
export function decodingThreads(jobs: number): number {
  // each session reads data of its own; Node.js has four threads
  return jobs > 2 ? Math.min(jobs, 4) : 0
}
