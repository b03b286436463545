import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll } from 'vitest'
import type { DrillPlace, DrillTarget } from '../../../src/drill/place.ts'
import type { DrillReport } from '../../../src/drill/report.ts'
import { pgliteTarget } from '../../../src/restore/pglite.ts'

const utf8 = new TextEncoder()

/** For `onRestored`: runs these. */
export const doing =
  (...commands: readonly string[]) =>
  async (target: DrillTarget): Promise<void> => {
    for (const command of commands) await target.query(utf8.encode(command))
  }

const linesOf = ({ problems }: DrillReport, wanted: 'failed' | 'unproven'): string[] =>
  problems.filter(({ status }) => status === wanted).map(({ object, reason }) => `${object}: ${reason}`)

/** What failed, in a line each. */
export const failuresOf = (report: DrillReport): string[] => linesOf(report, 'failed')

/** What is not proven, in a line each. */
export const unprovenOf = (report: DrillReport): string[] => linesOf(report, 'unproven')

/** One PGlite for the many drills of a file: emptied instead of thrown away. */
export function onePGlite(): { readonly place: DrillPlace; readonly database: () => PGlite } {
  let database: PGlite
  beforeAll(async () => {
    database = await PGlite.create()
  })
  afterAll(() => database.close())
  const place: DrillPlace = {
    name: 'the same PGlite',
    async open() {
      const target = pgliteTarget(database)
      return {
        target,
        ownsServer: false,
        convertsToUtf8: true,
        differences: [],
        close: async (roles) => {
          await doing(
            'ROLLBACK',
            'DROP SCHEMA public CASCADE',
            'CREATE SCHEMA public',
            'RESET TimeZone',
            ...roles.map((role) => `DROP ROLE "${role}"`),
          )(target)
        },
      }
    },
  }
  return { place, database: () => database }
}
