import { ArchiveError } from '../errors.ts'
import { untilAborted } from '../io/abort.ts'
import { prepareSession, questionsOf, quoted, type Ask, type Questions } from './questions.ts'
import type { EndableTarget, RestoreTarget } from './target.ts'

/** What is the same for each session of {@link FinishSessions}. */
export interface SessionOptions {
  /** Sessions at the same time, default 1. */
  readonly jobs?: number
  /** Opens another session, which is ended in any case. */
  readonly another?: (() => Promise<EndableTarget>) | undefined
  /** Of each session; default: the one of the first. */
  readonly role?: string
  readonly signal?: AbortSignal
}

/**
 * The sessions that work at the same time: the first is there, others are opened when there is enough to do. What ends
 * one ends all.
 */
export class FinishSessions implements AsyncDisposable {
  readonly #options: SessionOptions
  /** Comes when one has failed. */
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  #role: string | undefined
  readonly #first: Questions
  readonly #questions: Questions[] = []
  readonly #others: EndableTarget[] = []

  /** @throws ArchiveError UNSUPPORTED for a target that answers no questions */
  constructor(target: RestoreTarget, options: SessionOptions) {
    const { signal } = options
    this.#options = options
    this.#role = options.role
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
    const first = this.#ask(target)
    if (first === undefined) {
      throw new ArchiveError('UNSUPPORTED', 'Cannot finish the restore: the target answers no questions')
    }
    this.#first = first
  }

  /** Questions to the session that was there. */
  get first(): Ask {
    return this.#first.ask
  }

  /** Makes the first session ready; the others are when they are opened. */
  async begin(): Promise<void> {
    await prepareSession(this.first)
    if (this.#role === undefined) {
      const [role] = await this.first(`SELECT current_setting('role')`)
      // what it is where there is none
      if (role?.[0] !== 'none') this.#role = role?.[0] ?? undefined
    }
    await this.#prepareForWork(this.first)
  }

  /**
   * Does one thing after another in each session until nothing is left; none is at work afterwards.
   * @throws what was thrown first
   */
  async each<T>(items: readonly T[], work: (ask: Ask, item: T) => Promise<void>): Promise<void> {
    const wanted = Math.max(1, Math.min(this.#options.jobs ?? 1, items.length))
    while (this.#questions.length < wanted && (await this.#another())) {
      // as many as there are to be
    }
    let next = 0
    let failure: { readonly error: unknown } | undefined
    const worker = async ({ ask }: Questions): Promise<void> => {
      try {
        for (let item = items[next++]; item !== undefined; item = items[next++]) {
          this.#signal.throwIfAborted()
          await work(ask, item)
        }
      } catch (error) {
        failure ??= { error }
        this.#stop.abort(error)
      }
    }
    await Promise.all(this.#questions.slice(0, wanted).map(worker))
    if (failure !== undefined) throw failure.error
  }

  #ask(target: RestoreTarget): Questions | undefined {
    const questions = questionsOf(target, this.#signal, {
      message: 'Cannot finish the restore',
      hint: 'What was restored stays: run finish() again, or what `pgdmp audit --post-restore` writes',
    })
    if (questions !== undefined) this.#questions.push(questions)
    return questions
  }

  /** @returns whether there is one more */
  async #another(): Promise<boolean> {
    const opening = this.#options.another?.()
    if (opening === undefined) return false
    let session: EndableTarget
    try {
      session = await untilAborted(opening, this.#signal)
    } catch (error) {
      // a connection that is made too late is ended, too
      void opening.then((late) => late.end()).catch(() => undefined)
      throw error
    }
    this.#others.push(session)
    const questions = this.#ask(session)
    if (questions === undefined) return false
    await prepareSession(questions.ask)
    await this.#prepareForWork(questions.ask)
    return true
  }

  async #prepareForWork(ask: Ask): Promise<void> {
    // a restore leaves it as the owner of the last object, or as the superuser who switched triggers on
    await ask('RESET SESSION AUTHORIZATION')
    if (this.#role !== undefined) await ask(`SET ROLE ${quoted(this.#role)}`)
    await ask('SET statement_timeout = 0')
    await ask('SET lock_timeout = 0')
    // a count of some rows only would be a wrong one
    await ask('SET row_security = off')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const questions of this.#questions) questions[Symbol.dispose]()
    await Promise.all(this.#others.map((session) => session.end().catch(() => undefined)))
  }
}
