import { aBoolean, checkOptions, type OptionKinds } from '../check-options.ts'
import type { Finding } from '../errors.ts'
import type { ArchiveView } from '../view.ts'
import { sqlOptionKinds, type SqlOptions } from './options.ts'
import { scriptOf } from './to-sql.ts'

/** How to look for what psql would not just send. */
export interface FindUnsafeSqlOptions extends SqlOptions {
  /** False: look at definitions alone, and read no data. Default true. */
  readonly data?: boolean
}

const optionKinds: OptionKinds<FindUnsafeSqlOptions> = { ...sqlOptionKinds, data: aBoolean }

/**
 * What `toSql` with `safe` would refuse, as findings with the code UNSAFE_SQL: all of it, in the order of the script.
 * Nothing is written. Reads the data of the view once, as streams, and keeps none of them.
 *
 * @example
 * for await (const { dumpId, message } of findUnsafeSql(archive)) console.log(dumpId, message)
 *
 * @throws ArchiveError what `toSql` throws, but UNSAFE_SQL
 */
export async function* findUnsafeSql(
  view: ArchiveView,
  options: FindUnsafeSqlOptions = {},
): AsyncGenerator<Finding, void, void> {
  checkOptions('look for unsafe SQL', options, optionKinds)
  const { data = true, ...sqlOptions } = options
  let found: Finding[] = []
  const onFinding = (finding: Finding): void => void found.push(finding)
  const standIn = data ? {} : { standIn: () => '' }
  const script = scriptOf(view, sqlOptions, { ...standIn, onFinding }).borrow()
  try {
    for (let more: unknown = true; more !== null;) {
      more = await script.next()
      const ready = found
      found = []
      yield* ready
    }
  } finally {
    await script.cancel()
  }
}
