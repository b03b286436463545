import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { cli, root } from './paths.ts'
import type { Server } from './servers.ts'

/* A restore with a journal that is broken off again and again until it comes to its end. */

/** How an archive is made and restored. */
export interface Shape {
  readonly name: string
  /** Options of pg_dump. */
  readonly dump: readonly string[]
  /** Options of a restore, pg_restore's own names. */
  readonly options: readonly string[]
  /** What pg_restore restores first: it is cleaned, or filled. */
  readonly before?: readonly string[]
  /** Restored is the database that it creates. */
  readonly creates?: true
}

/** Runs of `pgdmp restore` until one ends by itself. */
export interface Runs {
  /** Restores that were broken off. */
  readonly broken: number
  /** Restores that ended, but failed. */
  readonly failed: number
  readonly last: { readonly status: number | null; readonly stderr: string }
}

/** The database of shapes that create one. */
const created = 'created'

/** The rows of each table, sorted. */
function inOrder(dump: string): string {
  return dump.replaceAll(/^(COPY .* FROM stdin;\n)([^]*?)^\\\.$/gm, (_, head: string, rows: string) => {
    return `${head}${rows.split('\n').sort().join('\n')}`
  })
}

/** Archives of one database, which is there as long as they are. */
export class Source {
  readonly server: Server
  readonly folder = mkdtempSync(join(tmpdir(), 'pgdmp-resume-'))
  readonly #files = new Map<string, string>()
  readonly #expected = new Map<string, string>()
  #databases = 0

  constructor(server: Server) {
    this.server = server
  }

  /** Makes the database. */
  fill(): void {
    const { ask, psql, database } = this.server
    ask(['CREATE ROLE pgdmp_rich', 'CREATE DATABASE source TEMPLATE template0'])
    for (const script of ['test/postgres/rich.sql', 'test/fault/bulk.sql']) {
      execFileSync(psql, ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', database('source'), '-f', join(root, script)])
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** The path of a file that is not there yet. */
  newFile(): string {
    return join(this.folder, `journal-${this.#databases++}`)
  }

  archive({ dump }: Shape): string {
    const key = dump.join(' ')
    const known = this.#files.get(key)
    if (known !== undefined) return known
    const file = join(this.folder, `archive-${this.#files.size}`)
    const from = dump.includes('--create') ? created : 'source'
    if (from === created) this.#copy()
    execFileSync(this.server.pgDump, [...dump, '-d', this.server.database(from), '-f', file])
    if (from === created) this.drop(created)
    this.#files.set(key, file)
    return file
  }

  /** The source under another name, with properties of its own. */
  #copy(): void {
    this.drop(created)
    this.server.ask([
      `CREATE DATABASE ${created} TEMPLATE source`,
      `ALTER DATABASE ${created} SET work_mem = '5MB'`,
      `COMMENT ON DATABASE ${created} IS 'a copy'`,
      `GRANT CONNECT ON DATABASE ${created} TO pgdmp_rich`,
    ])
  }

  /** A database to restore a shape into. */
  target(shape: Shape): string {
    const name = `target_${this.#databases++}`
    this.server.ask([`CREATE DATABASE ${name} TEMPLATE template0`])
    if (shape.before !== undefined) {
      const args = [...shape.before, '-d', this.server.database(name), this.archive({ ...shape, dump: ['-Fc'] })]
      execFileSync(this.server.pgRestore, args)
    }
    if (shape.creates === true) this.drop(created)
    return name
  }

  drop(name: string): void {
    this.server.ask([`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`])
  }

  /** What the real pg_restore makes of a shape when nothing goes wrong. */
  #expect(shape: Shape): string {
    const known = this.#expected.get(shape.name)
    if (known !== undefined) return known
    const name = this.target(shape)
    // what does not change the result, and --transaction-size is of 17
    const options = shape.options.filter((option) => !/^--(?:jobs|transaction-size)=/.test(option))
    // partitions' constraints that --clean cannot drop are errors that it goes on from
    spawnSync(this.server.pgRestore, [...options, '-d', this.server.database(name), this.archive(shape)])
    const contents = this.contents(shape, name)
    this.#expected.set(shape.name, contents)
    this.drop(name)
    return contents
  }

  /** All that pg_dump finds, large objects by their contents. */
  contents(shape: Shape, name: string): string {
    const { pgDump, database } = this.server
    const options = shape.creates === true ? ['--create', '-d', database(created)] : ['-d', database(name)]
    const text = execFileSync(pgDump, options, { maxBuffer: 2 ** 30 }).toString('latin1')
    return text.replaceAll(/^\\(?:un)?restrict .*$/gm, '')
  }

  /** Whether a database has what it must, without holding 20 MB against each other in a message. */
  check(shape: Shape, name: string): void {
    const [ours, real] = [this.contents(shape, name), this.#expect(shape)]
    // what an INSERT that was rolled back leaves in a page may be used again: then rows stand in another order
    if (ours === real || inOrder(ours) === inOrder(real)) return
    const [a, b] = [ours, real].map((text) => inOrder(text).split('\n'))
    expect(a?.filter((line, at) => line !== b?.[at]).slice(0, 20)).toEqual([])
    expect(a).toHaveLength(b?.length ?? 0)
  }

  command(shape: Shape, name: string, journal: string): readonly string[] {
    // what newer releases set, an older server does not know
    const compat = `--compat=${this.server.major}`
    const options = [compat, ...shape.options, '--resume', journal, '-d', this.server.database(name)]
    return [cli, 'restore', ...options, this.archive(shape)]
  }

  /**
   * Restores until a run ends well; `during` may do what it wants to each of the runs.
   * @returns what became of them
   */
  async restore(
    shape: Shape,
    name: string,
    journal: string,
    during: (kill: () => void, run: number, ended: Promise<void>) => Promise<void>,
  ): Promise<Runs> {
    let broken = 0
    let failed = 0
    for (let run = 0; ; run++) {
      const { status, stderr } = await this.#once(this.command(shape, name, journal), (kill, ended) =>
        during(kill, run, ended),
      )
      const last = { status, stderr }
      if (status === 0) return { broken, failed, last }
      // what was refused is tried again
      if (stderr.includes('what failed is tried again')) failed++
      else broken++
      if (run > 60) throw new Error(`It never comes to its end: ${stderr}`)
    }
  }

  #once(
    args: readonly string[],
    during: (kill: () => void, ended: Promise<void>) => Promise<void>,
  ): Promise<{ readonly status: number | null; readonly stderr: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      let stderr = ''
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
      child.on('error', reject)
      const closed = new Promise<number | null>((done) => child.on('close', done))
      const done = closed.then(() => undefined)
      Promise.all([closed, during(() => void child.kill('SIGKILL'), done)]).then(
        ([status]) => resolve({ status, stderr }),
        (error: unknown) => {
          child.kill('SIGKILL')
          reject(error)
        },
      )
    })
  }
}
