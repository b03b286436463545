import { ArchiveError } from '../errors.ts'
import { untilAborted } from '../io/abort.ts'
import { prepareSession, questionsOf, type Ask, type Questions } from './questions.ts'
import type { EndableTarget, RestoreTarget } from './target.ts'

/** What is the same for each session of {@link FinishSessions}. */
export interface SessionOptions {
  /** Sessions at the same time, default 1. */
  readonly jobs?: number
  /** Opens another session, which is ended in any case. */
  readonly another?: (() => Promise<EndableTarget>) | undefined
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
  readonly #first: Questions
  readonly #questions: Questions[] = []
  readonly #others: EndableTarget[] = []

  /** @throws ArchiveError UNSUPPORTED for a target that answers no questions */
  constructor(target: RestoreTarget, options: SessionOptions) {
    const { signal } = options
    this.#options = options
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
    await prepareForWork(this.first)
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
    if (questions !== undefined) await prepareForWork(questions.ask)
    return questions !== undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const questions of this.#questions) questions[Symbol.dispose]()
    await Promise.all(this.#others.map((session) => session.end().catch(() => undefined)))
  }
}

async function prepareForWork(ask: Ask): Promise<void> {
  await prepareSession(ask)
  await ask('SET statement_timeout = 0')
  await ask('SET lock_timeout = 0')
  // a count of some rows only would be a wrong one
  await ask('SET row_security = off')
}
