import { spawn, type ChildProcess } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { ArchiveError } from '../errors.ts'
import type { Binaries } from './binaries.ts'
import { keeper, type KeeperTask } from './keeper.ts'

/** A server that nobody else knows the password of. */
export interface ThrowAwayServer {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** Ends it, and removes its folder. @throws Error that names what stays */
  stop(): Promise<void>
}

const host = '127.0.0.1'
const user = 'postgres'

/** Nothing here outlives the run: what protects data from a crash, and what works in the background, is left out. */
const settings: readonly string[] = [
  `listen_addresses=${host}`,
  'unix_socket_directories=',
  'fsync=off',
  'full_page_writes=off',
  'synchronous_commit=off',
  'wal_level=minimal',
  'max_wal_senders=0',
  'max_wal_size=4GB',
  'autovacuum=off',
  'jit=off',
  'max_locks_per_transaction=1024',
  'maintenance_work_mem=256MB',
  // of a container /dev/shm is small
  'max_parallel_workers_per_gather=0',
  // tells when it is ready in words that are known, and of statements nothing
  'lc_messages=C',
  'logging_collector=off',
  'log_destination=stderr',
  'log_min_messages=log',
]

/** What of standard error is kept. */
const KEPT_CHARACTERS = 4000

/** Ports that somebody else takes first. */
const TRIES = 3

/**
 * Starts an empty server in a temporary folder, on a free port of 127.0.0.1 alone, with a password made for it. It ends,
 * and its folder goes, when this process does, however that happens.
 *
 * @throws ArchiveError UNSUPPORTED in the words of what cannot be started; `signal.reason`
 */
export async function startServer(binaries: Binaries, signal: AbortSignal | undefined): Promise<ThrowAwayServer> {
  for (let left = TRIES - 1; ; left--) {
    signal?.throwIfAborted()
    const started = new StartingServer(binaries, await freePort(), ownerOf(binaries))
    try {
      await started.ready(signal)
      return started
    } catch (error) {
      await started.stop()
      signal?.throwIfAborted()
      if (left === 0 || !started.portIsTaken) throw error
    }
  }
}

class StartingServer implements ThrowAwayServer {
  readonly host = host
  readonly port: number
  readonly user = user
  readonly password: string
  readonly #binaries: Binaries
  readonly #folder: string
  readonly #isRoot: boolean
  readonly #keeper: ChildProcess
  readonly #ended: Promise<void>
  /** What was said last. */
  #said = ''

  constructor(binaries: Binaries, port: number, owner: KeeperTask['owner']) {
    this.#binaries = binaries
    this.#isRoot = owner !== undefined
    this.port = port
    this.password = Array.from(crypto.getRandomValues(new Uint32Array(6)), (word) => word.toString(36)).join('')
    // readable by its owner alone
    const folder = mkdtempSync(join(tmpdir(), 'pgdmp-drill-'))
    this.#folder = folder
    try {
      const passwordFile = join(folder, 'password')
      writeFileSync(passwordFile, this.password, { mode: 0o600 })
      if (owner !== undefined) for (const path of [folder, passwordFile]) chownSync(path, owner.uid, owner.gid)
      const data = join(folder, 'data')
      const locale = ['--encoding=UTF8', '--locale=C']
      const access = [`--username=${user}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`]
      const task: KeeperTask = {
        folder,
        commands: [
          { file: binaries.initdb, args: [`--pgdata=${data}`, ...locale, ...access, '--no-sync'] },
          { file: binaries.postgres, args: ['-D', data, '-p', `${port}`, ...settings.flatMap((one) => ['-c', one])] },
        ],
        owner,
      }
      // a keyboard's signals are not for it
      this.#keeper = spawn(process.execPath, ['-e', keeper, JSON.stringify(task)], {
        cwd: tmpdir(),
        env: environment(),
        stdio: ['pipe', 'ignore', 'pipe'],
        detached: true,
        windowsHide: true,
      })
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
    this.#keeper.stdin?.on('error', ignore)
    this.#ended = new Promise((resolve) => {
      this.#keeper.on('close', () => resolve()).on('error', () => resolve())
    })
  }

  get portIsTaken(): boolean {
    return /could not bind IPv4 address/.test(this.#said)
  }

  /** @throws ArchiveError UNSUPPORTED; `signal.reason` */
  async ready(signal: AbortSignal | undefined): Promise<void> {
    let abort = ignore
    const ready = new Promise<void>((resolve, reject) => {
      this.#keeper.stderr?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-KEPT_CHARACTERS)
        if (this.#said.includes('database system is ready to accept connections')) resolve()
      })
      void this.#ended.then(() => reject(this.#failure()))
      abort = () => reject(signal?.reason)
    })
    signal?.addEventListener('abort', abort)
    try {
      await ready
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  async stop(): Promise<void> {
    this.#keeper.stdin?.end()
    await this.#ended
    if (existsSync(this.#folder)) throw new Error(`Left: the folder ${this.#folder}`)
  }

  #failure(): ArchiveError {
    const { package: name, postgres } = this.#binaries
    const said = this.#said.trim().split('\n').slice(-3).join('; ')
    const isDenied = /permission denied|EACCES/i.test(said)
    const lacksLibrary = /error while loading shared libraries|Library not loaded/.test(said)
    let hint: string | undefined
    if (lacksLibrary) hint = `The package's own installation script must run: npm rebuild ${name}`
    else if (this.#isRoot && isDenied) {
      hint = `PostgreSQL does not run as root, so nobody runs it, who must be able to read ${dirname(postgres)} and ${tmpdir()}; or do not run pgdmp as root`
    }
    return new ArchiveError(
      'UNSUPPORTED',
      `Cannot start the server of ${name}: ${said}`,
      hint === undefined ? {} : { hint },
    )
  }
}

function ignore(): void {}

/** PostgreSQL refuses to run as root, so that it runs as `nobody` then, whom nothing else should belong to. */
function ownerOf({ package: name }: Binaries): KeeperTask['owner'] {
  if (userInfo().uid !== 0) return undefined
  const nobody = /^nobody:[^:]*:(\d+):(\d+):/m.exec(
    existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : '',
  )
  if (nobody === null) {
    throw new ArchiveError('UNSUPPORTED', `Cannot start the server of ${name}: PostgreSQL does not run as root`, {
      hint: 'Run pgdmp as another user',
    })
  }
  return { uid: Number(nobody[1]), gid: Number(nobody[2]) }
}

/** Without what is meant for other servers, for their clients, or for this program. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(?:PG|LC_|LANG|NODE_)/.test(name))
  return { ...Object.fromEntries(own), LC_ALL: 'C' }
}

/** From those that the system gives to anyone who asks. */
async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject).listen(0, host, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
