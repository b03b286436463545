import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Random } from '../fuzz/random.ts'
import { Source, type Shape } from '../helpers/resumed.ts'
import { ownServers, withoutServers } from '../helpers/servers.ts'

/*
 * Restores with a journal that die at random moments, pgdmp by SIGKILL and the server by an immediate stop, and go on
 * until they are done: what pg_dump finds then is what it finds after the real pg_restore was left alone.
 *
 *   PGDMP_RESUME_ROUNDS=50 npx vitest run test/fault/resume.test.ts
 */

const rounds = Number(process.env['PGDMP_RESUME_ROUNDS'] ?? 1)
const seed = Number(process.env['PGDMP_SEED'] ?? Date.now() % 2 ** 31)
const random = new Random(seed)
const minutes = Math.max(2, rounds) * 60_000

const custom = ['-Fc']
const clean = ['--clean', '--if-exists']
const shapes: readonly Shape[] = [
  { name: 'custom', dump: custom, options: [] },
  { name: 'custom, in three sessions', dump: custom, options: ['--jobs=3'] },
  { name: 'directory', dump: ['-Fd'], options: [] },
  { name: 'directory, in three sessions', dump: ['-Fd'], options: ['--jobs=3'] },
  { name: 'tar', dump: ['-Ft'], options: [] },
  { name: 'tar, in three sessions', dump: ['-Ft'], options: ['--jobs=3'] },
  // a server of 13 takes no DEFAULT for generated columns in several rows
  { name: 'INSERT statements', dump: ['-Fc', '--column-inserts', '--rows-per-insert=500'], options: [] },
  { name: '--clean', dump: custom, options: clean, before: [] },
  { name: '--clean, in three sessions', dump: custom, options: [...clean, '--jobs=3'], before: [] },
  { name: 'owners as session users', dump: custom, options: ['--use-set-session-authorization'] },
  { name: '--transaction-size', dump: custom, options: ['--transaction-size=20'] },
  { name: '--single-transaction', dump: custom, options: ['--single-transaction'] },
  { name: '--create', dump: [...custom, '--create'], options: ['--create'], creates: true },
  { name: '--create --clean', dump: [...custom, '--create'], options: ['--create', ...clean], creates: true },
  {
    name: 'rows alone, without triggers',
    dump: custom,
    options: ['--data-only', '--disable-triggers'],
    before: ['--schema-only'],
  },
]

const [server] = ownServers(1)

describe('a restore that dies', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const source = new Source(server)
  beforeAll(() => source.fill())
  afterAll(() => source.remove())

  const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

  /** A restore may be over before it can be killed: a short run does not end without one that was. */
  const goesOn = (round: number, broken: number): boolean => round < rounds || (broken === 0 && round < rounds + 5)

  /** Each round takes the next shape, those that come first in CI by a seed. */
  const shapeOf = (round: number): Shape => {
    const shape = shapes[(round + seed) % shapes.length]
    if (shape === undefined) throw new Error('There is no shape')
    return shape
  }

  /** Milliseconds from the first line of its journal that a restore takes which nobody disturbs. */
  const durations = new Map<string, number>()
  async function undisturbed(shape: Shape): Promise<number> {
    const known = durations.get(shape.name)
    if (known !== undefined) return known
    const name = source.target(shape)
    const journal = source.newFile()
    let duration = 0
    await source.restore(shape, name, journal, async (_kill, run, ended) => {
      await begun(journal, ended)
      const begin = Date.now()
      await ended
      if (run === 0) duration = Date.now() - begin
    })
    source.check(shape, name)
    source.drop(name)
    durations.set(shape.name, duration)
    return duration
  }

  /** Resolves when there is a journal, or the restore has ended. */
  async function begun(journal: string, ended: Promise<void>): Promise<void> {
    const isOver = ended.then(() => true)
    while (!existsSync(journal)) if (await Promise.race([isOver, sleep(5).then(() => false)])) return
  }

  /** A moment at which a restore that takes so long may die, now and then before it has done anything. */
  async function moment(journal: string, duration: number, ended: Promise<void>): Promise<void> {
    if (random.below(5) > 0) await begun(journal, ended)
    await Promise.race([sleep(random.below(Math.ceil(duration * 0.9))), ended])
  }

  test(
    'goes on when pgdmp is killed',
    async () => {
      console.log(`PGDMP_SEED=${seed} PGDMP_RESUME_ROUNDS=${rounds}`)
      let broken = 0
      for (let round = 0; goesOn(round, broken); round++) {
        const shape = shapeOf(round)
        const duration = await undisturbed(shape)
        const name = source.target(shape)
        const most = 2 + random.below(4)
        const journal = source.newFile()
        const runs = await source.restore(shape, name, journal, async (kill, run, ended) => {
          if (run >= most) return
          await moment(journal, duration, ended)
          kill()
        })
        source.check(shape, name)
        source.drop(name)
        broken += runs.broken
        // a long run is to be followed
        if (rounds > 3) console.log(`${round}: ${shape.name}: killed ${runs.broken} times, failed ${runs.failed} times`)
      }
      expect(broken).toBeGreaterThan(0)
    },
    minutes,
  )

  test(
    'goes on when the server is killed',
    async () => {
      let broken = 0
      for (let round = 0; goesOn(round, broken); round++) {
        const shape = shapeOf(round)
        const duration = await undisturbed(shape)
        const name = source.target(shape)
        // what is older is no matter of the restore
        server.ask(['CHECKPOINT'])
        const most = 1 + random.below(3)
        const journal = source.newFile()
        const runs = await source.restore(shape, name, journal, async (_kill, run, ended) => {
          if (run >= most) return
          await moment(journal, duration, ended)
          server.crash()
          await ended
          server.recover()
        })
        source.check(shape, name)
        source.drop(name)
        broken += runs.broken
        // a long run is to be followed
        if (rounds > 3)
          console.log(`${round}: ${shape.name}: server killed ${runs.broken} times, failed ${runs.failed} times`)
      }
      expect(broken).toBeGreaterThan(0)
    },
    minutes,
  )
})
