import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** What a program did. */
export interface Outcome {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** What the program reads from standard input; nothing when absent. */
  readonly stdin?: Uint8Array
  /** How standard error is read; default: as UTF-8. */
  readonly decode?: (stderr: Uint8Array) => string
  /** Milliseconds before the program is killed; default 60,000. */
  readonly timeout?: number
}

let running = 0
const waiting: (() => void)[] = []

/** Runs a program to its end; at most one more than there are cores at a time. Never rejects on a bad status. */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  if (running > availableParallelism()) await new Promise<void>((resolve) => waiting.push(resolve))
  running += 1
  try {
    return await start(file, args, options)
  } finally {
    running -= 1
    waiting.shift()?.()
  }
}

function start(file: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  const read = options.decode ?? ((bytes: Uint8Array) => new TextDecoder().decode(bytes))
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      timeout: options.timeout ?? 60_000,
      killSignal: 'SIGKILL',
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    // A program that fails early closes its standard input: that is its right.
    child.stdin.on('error', () => {})
    child.stdin.end(options.stdin)
    child.on('error', reject)
    child.on('close', (status, signal) =>
      resolve({ status, signal, stdout: Buffer.concat(stdout), stderr: read(Buffer.concat(stderr)) }),
    )
  })
}

/** A command line that a shell takes as these arguments. */
export function shellQuote(args: readonly string[]): string {
  return args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`)).join(' ')
}
