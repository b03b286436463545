import { startThread } from '#codec/platform'
import { ByteRing } from '../codec/byte-ring.ts'
import type { Thread } from '../codec/thread-types.ts'
import type { Limits } from '../limits.ts'
import type { ArchiveSettings } from '../toc/types.ts'
import { ContentCheck, type CheckedContent } from './content-check.ts'
import type { TextRules, TextSubject } from './text-check.ts'

/** What the thread is asked: to check the next stream in the ring. */
export interface CheckQuestion {
  readonly memory: SharedArrayBuffer
  readonly subject: TextSubject
  readonly settings: ArchiveSettings
  readonly limits: Limits
}

/** The check of one stream, here or in a thread. */
export interface StreamCheck {
  /** Takes a chunk that is lent; where it gives a promise, that has to be awaited. @throws ThreadLost */
  push(chunk: Uint8Array): Promise<void> | undefined
  /** @param isWhole the stream came to its end @throws ThreadLost */
  finish(isWhole: boolean): Promise<CheckedContent>
  /** Gives up, if it is not over; safe at any time. */
  cancel(): void
}

/** The thread has died over a stream, which must be read again. */
export class ThreadLost extends Error {
  override readonly name = 'ThreadLost'
}

const MiB = 1024 * 1024
/** A thread takes as long to start as some 50 MiB to be checked. Bench case "verify lz4". */
const LEAST_STORED_BYTES = 24 * MiB
/** Stored bytes of one stream for which it is started before they are come to. */
const LONG_STORED_BYTES = MiB
/** So much of a stream is kept before it is handed over: most tables end earlier, and are checked here. */
const KEPT_BYTES = 4 * MiB
const RING_BYTES = 4 * MiB
/** The calling thread is blocked no longer than this at a time. */
const BLOCKED_MILLISECONDS = 5

/** Where the checker's script lies; written so that no bundler takes it for a file of a web page. */
const scriptName = './check-worker.js'

/** Has long streams checked in a thread beside the one that decodes them, where that is worth while. */
export class CheckThread {
  readonly #rules: TextRules
  readonly #script: string
  #isWanted: boolean
  #thread: Thread | undefined
  #ring: ByteRing | undefined
  #kept: Uint8Array | undefined
  /** The check that uses the ring. */
  #busy: Promise<unknown> | undefined

  /**
   * @param isWanted false: all is checked on the calling thread
   * @param script the URL of another script, for tests
   */
  constructor(rules: TextRules, isWanted: boolean, script: string = scriptName) {
    this.#rules = rules
    this.#isWanted = isWanted
    this.#script = script
  }

  /** Says how much is stored, where that is known: where it is little, all is checked on the calling thread. */
  expect(streams: Iterable<number>): void {
    let total = 0
    let longest = 0
    for (const bytes of streams) {
      total += bytes
      if (bytes > longest) longest = bytes
    }
    if (total < LEAST_STORED_BYTES || longest < LONG_STORED_BYTES) this.#isWanted = false
    else void this.#start()
  }

  /** A check for one stream; one at a time. */
  open(subject: TextSubject | undefined): StreamCheck {
    if (!this.#isWanted || subject === undefined) return new CheckHere(new ContentCheck(subject, this.#rules))
    this.#kept ??= new Uint8Array(KEPT_BYTES)
    const question = { subject, settings: this.#rules.settings, limits: this.#rules.limits }
    return new CheckThere(
      () => new ContentCheck(subject, this.#rules),
      this.#kept,
      () => this.#ask(question),
    )
  }

  async stop(): Promise<void> {
    this.#isWanted = false
    await this.#thread?.stop()
  }

  /** Has the thread wait for a stream in the ring; undefined where there is no thread. */
  async #ask(question: Omit<CheckQuestion, 'memory'>): Promise<Asked | undefined> {
    const thread = await this.#start()
    // a check that was given up may be read to its end still
    await this.#busy
    if (thread === undefined || thread.hasEnded) return undefined
    this.#ring ??= new ByteRing(ByteRing.allocate(RING_BYTES))
    const ring = this.#ring
    ring.begin()
    const answer = thread.ask({ ...question, memory: ring.memory })
    this.#busy = answer.catch(() => undefined)
    return { thread, ring, answer }
  }

  /** The thread, when it can be asked. */
  async #start(): Promise<Thread | undefined> {
    if (!this.#isWanted) return undefined
    this.#thread ??= startScript(this.#script)
    if ((await this.#thread?.ready) === true) return this.#thread
    this.#isWanted = false
    return undefined
  }
}

function startScript(script: string): Thread | undefined {
  try {
    return startThread(new URL(script, import.meta.url))
  } catch {
    return undefined // bundled to where modules have no URL
  }
}

class CheckHere implements StreamCheck {
  readonly #content: ContentCheck

  constructor(content: ContentCheck) {
    this.#content = content
  }

  push(chunk: Uint8Array): undefined {
    this.#content.push(chunk)
  }

  async finish(isWhole: boolean): Promise<CheckedContent> {
    return this.#content.finish(isWhole)
  }

  cancel(): void {}
}

/** The thread, waiting for the stream that goes into the ring. */
interface Asked {
  readonly thread: Thread
  readonly ring: ByteRing
  readonly answer: Promise<unknown>
}

/** Keeps the begin of a stream, and hands it over once it has become long. */
class CheckThere implements StreamCheck {
  readonly #openHere: () => ContentCheck
  readonly #kept: Uint8Array
  readonly #ask: () => Promise<Asked | undefined>
  #keptBytes = 0
  /** Where the stream is short, or the thread cannot be had. */
  #here: ContentCheck | undefined
  #there: Asked | undefined
  #isOver = false

  constructor(openHere: () => ContentCheck, kept: Uint8Array, ask: () => Promise<Asked | undefined>) {
    this.#openHere = openHere
    this.#kept = kept
    this.#ask = ask
  }

  push(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#there !== undefined) return this.#give(this.#there, chunk)
    if (this.#here !== undefined) {
      this.#here.push(chunk)
      return undefined
    }
    if (this.#keptBytes + chunk.length > this.#kept.length) return this.#handOver(chunk)
    this.#kept.set(chunk, this.#keptBytes)
    this.#keptBytes += chunk.length
    return undefined
  }

  async finish(isWhole: boolean): Promise<CheckedContent> {
    const there = this.#there
    if (there !== undefined) {
      this.#isOver = true
      there.ring.end(isWhole ? 'whole' : 'cut')
      return (await orLost(there.answer)) as CheckedContent // what check-worker.ts answers
    }
    return this.#checkHere().finish(isWhole)
  }

  cancel(): void {
    if (!this.#isOver) this.#there?.ring.end('cut')
    this.#isOver = true
  }

  /** A check on this thread, of what was kept so far. */
  #checkHere(): ContentCheck {
    if (this.#here === undefined) {
      this.#here = this.#openHere()
      this.#here.push(this.#kept.subarray(0, this.#keptBytes))
    }
    return this.#here
  }

  async #handOver(chunk: Uint8Array): Promise<void> {
    this.#there = await this.#ask()
    if (this.#there === undefined) return this.#checkHere().push(chunk)
    await this.#give(this.#there, this.#kept.subarray(0, this.#keptBytes))
    await this.#give(this.#there, chunk)
  }

  #give(there: Asked, chunk: Uint8Array): Promise<void> | undefined {
    const given = there.ring.write(chunk)
    return given === chunk.length ? undefined : this.#giveRest(there, chunk.subarray(given))
  }

  async #giveRest({ thread, ring, answer }: Asked, rest: Uint8Array): Promise<void> {
    for (let left = rest; left.length > 0; left = left.subarray(ring.write(left))) {
      if (ring.waitForRoom(BLOCKED_MILLISECONDS)) continue
      // the end of the thread is heard of by the event loop only
      await new Promise((resolve) => setTimeout(resolve, 0))
      if (thread.hasEnded) await orLost(answer)
    }
  }
}

async function orLost(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer
  } catch (error) {
    throw new ThreadLost('The thread that checks has ended', { cause: error })
  }
}
