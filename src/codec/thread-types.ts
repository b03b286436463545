/** A thread beside the calling one, which answers one question after the other. */
export interface Thread {
  /** Whether it can be asked something: false where it could not start. */
  readonly ready: Promise<boolean>
  /** Whether nobody will answer any more. */
  readonly hasEnded: boolean
  /** @throws what ended the thread */
  ask(question: unknown): Promise<unknown>
  stop(): Promise<void>
}
