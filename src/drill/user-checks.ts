import { splitStatements } from '../sql/split-statements.ts'
import { isServerError } from '../restore/target.ts'
import type { DrillTarget } from './place.ts'
import type { DrillCheckResult } from './report.ts'

/** Statements of the user's own, each of which must answer `true`. */
export interface DrillCheck {
  /** For the report: a file's name. */
  readonly name: string
  /** SQL, as many statements as wanted. */
  readonly sql: string
}

/** Characters of a statement in the report. */
const SHOWN = 200

/** Runs the user's checks: each statement by itself, in a transaction that may not write. */
export async function runChecks(
  target: DrillTarget,
  checks: readonly DrillCheck[],
): Promise<readonly DrillCheckResult[]> {
  const results: DrillCheckResult[] = []
  for (const { name, sql } of checks) {
    let count = 0
    for (const { start, end } of splitStatements(sql)) {
      count++
      const text = sql.slice(start, end)
      const reason = await refutation(target, text)
      const [line = ''] = text.split('\n')
      const status = reason === undefined ? 'proven' : 'failed'
      results.push({ name, statement: line.slice(0, SHOWN), status, reason })
    }
    if (count === 0) results.push({ name, statement: '', status: 'failed', reason: 'there is no statement' })
  }
  return results
}

/** Why a statement does not hold; undefined when every value of every row is true, and there is one. */
async function refutation(target: DrillTarget, sql: string): Promise<string | undefined> {
  const utf8 = new TextEncoder()
  await target.query(utf8.encode('BEGIN TRANSACTION READ ONLY'))
  try {
    const values = (await target.rows(sql)).flat()
    if (values.length === 0) return 'it gives no rows'
    const wrong = values.findIndex((value) => value !== 't')
    if (wrong < 0) return undefined
    const value = values[wrong]
    return `it gives ${value === 'f' ? 'false' : (value?.slice(0, SHOWN) ?? 'NULL')}, must give true`
  } catch (error) {
    if (!isServerError(error)) throw error
    return error.message
  } finally {
    await target.query(utf8.encode('ROLLBACK'))
  }
}
