let free = false

/**
 * Says that the program has nothing else to do while it reads and writes, as the command has not. From then on short
 * calls of the system that cannot wait for another process are made on the calling thread, since a trip to the thread
 * pool takes many times as long as they do, and whatever nobody works on meanwhile is decoded there.
 */
export function useCallingThread(): void {
  free = true
}

/** Whether {@link useCallingThread} has been called. */
export function usesCallingThread(): boolean {
  return free
}
