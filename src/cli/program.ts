import { spawn, type ChildProcess } from 'node:child_process'
import { basename } from 'node:path'
import type { Terminal } from './terminal.ts'

/** Milliseconds that a program has to end when it was told to. */
const PATIENCE = 5000

/** A program that ended otherwise than well. It has said itself why, on standard error. */
export class ProgramFailed extends Error {
  override readonly name = 'ProgramFailed'
  readonly hint: string | undefined

  constructor(message: string, { hint, cause }: { readonly hint?: string | undefined; readonly cause?: unknown } = {}) {
    super(message, { cause })
    this.hint = hint
  }
}

/** How to start a program. */
export interface ProgramOptions {
  readonly file: string
  readonly args: readonly string[]
  /** Added to the environment: the place for passwords, which others can read of a command line. */
  readonly env: Readonly<Record<string, string>>
  /** Called before something of the program is shown. */
  readonly onMessage?: () => void
  /** What may help when it fails, by what it said on standard error. */
  readonly advice?: (said: string) => string | undefined
}

/**
 * A script that waits for a line. Where its standard input ends without one, who was to write it has been killed, and can
 * end nothing any more.
 */
const keeper = 'read -r line || kill -TERM "$1"'

/** What of standard error is kept to give advice. */
const KEPT_CHARACTERS = 4000

/**
 * A program that runs beside this one, with its keyboard and its standard error. A signal ends both, also one that this
 * program cannot hear.
 */
export class Program implements AsyncIterable<Uint8Array> {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #exit: Promise<void>
  readonly #release: () => void

  constructor(terminal: Terminal, { file, args, env, onMessage, advice }: ProgramOptions) {
    terminal.signal.throwIfAborted()
    this.#name = basename(file)
    const child = spawn(file, args, { env: { ...terminal.env, ...env }, stdio: ['inherit', 'pipe', 'pipe'] })
    this.#child = child
    // else Node.js throws away at its end what nobody has asked for by then
    child.stdout.on('readable', () => undefined)
    this.#chunks = child.stdout[Symbol.asyncIterator]()
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      onMessage?.()
      terminal.stderr.write(text)
      said = (said + text).slice(-KEPT_CHARACTERS)
    })
    const kill = (): void => void child.kill('SIGKILL')
    const end = (): void => void child.kill('SIGTERM')
    const letGo = keep(child)
    // from then on its number may be another one's
    child.on('exit', letGo)
    process.on('exit', kill)
    terminal.signal.addEventListener('abort', end)
    this.#release = () => {
      process.off('exit', kill)
      terminal.signal.removeEventListener('abort', end)
    }
    this.#exit = new Promise((resolve, reject) => {
      child.on('error', (cause) => {
        this.#release()
        reject(new ProgramFailed(`Cannot run "${file}": ${cause.message}`, { cause }))
      })
      // when all of its standard error has been shown
      child.on('close', (status, signal) => {
        this.#release()
        if (status === 0) return resolve()
        const how = signal === null ? `ended with status ${status}` : `was killed by ${signal}`
        reject(new ProgramFailed(`${this.#name} ${how}`, { hint: advice?.(said) }))
      })
    })
    // whoever waits for it is told
    this.#exit.catch(() => undefined)
  }

  /** What it writes to standard output; the end comes when it has ended well. @throws ProgramFailed instead */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next() }
  }

  /** Reads what is left of the output, and waits for the end. @throws ProgramFailed */
  async finish(): Promise<void> {
    for (let step = await this.#next(); step.done !== true; step = await this.#next());
  }

  /** Ends it, if it runs still, and waits until it has. Never throws. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    // what nobody reads would keep it from ending
    child.stdout?.destroy()
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      // what it has started may hold it open, and is not told of signals
      child.stderr?.destroy()
    }, PATIENCE)
    await this.#exit.catch(() => undefined)
    clearTimeout(timer)
    this.#release()
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const step = await this.#chunks.next()
    if (step.done === true) await this.#exit
    return step
  }
}

/**
 * Has a program end when this process is killed: on Windows Node.js sees to that.
 * @returns what gives that up
 */
function keep({ pid }: ChildProcess): () => void {
  if (pid === undefined || process.platform === 'win32') return () => undefined
  const watching = spawn('/bin/sh', ['-c', keeper, 'sh', `${pid}`], {
    cwd: '/',
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
    // a keyboard's signals are not for it
    detached: true,
  })
  // where there is no shell, it is done without
  watching.on('error', () => undefined)
  watching.stdin.on('error', () => undefined)
  watching.unref()
  return () => void watching.stdin.end('\n')
}
