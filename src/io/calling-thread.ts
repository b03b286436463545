import { nextTurn } from './turns.ts'

/** Milliseconds without a turn of the event loop after which others get one: signals, progress, timers. */
const TURN_MS = 50

let free = false
let turned = 0

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

/** Whether calls on this thread have kept the event loop waiting: nobody would be told of an interrupt. */
export function isTurnDue(): boolean {
  return performance.now() - turned > TURN_MS
}

/** Lets others of the event loop have their turn when it is due. */
export async function turnWhenDue(): Promise<void> {
  if (!isTurnDue()) return
  await nextTurn()
  turned = performance.now()
}
