import type { Renamer } from './rename.ts'

/**
 * Calls `take` for each value of each configuration parameter that a statement sets: `SET x TO 'a', b`,
 * `ALTER ROLE … SET x TO …`, `CREATE FUNCTION … SET x TO …`. What a rule's UPDATE sets is none.
 *
 * @param take gets the parameter's name in lower case and the place of the value's token
 */
export function eachSetting(found: Renamer, take: (parameter: string, at: number) => void): void {
  const { statement } = found
  if (!statement.has(0, 'set|alter') && !statement.definesRoutine) return
  for (let at = 0; at < statement.bodyStart; at++) {
    if (statement.word(at) !== 'set' || statement.depth(at) > 0) continue
    const variable = statement.has(at + 1, 'session|local') ? at + 2 : at + 1
    const parameter = statement.name(variable)?.toLowerCase()
    const isSet = statement.word(variable + 1) === 'to' || statement.mark(variable + 1) === '='
    if (parameter === undefined || !isSet) continue
    for (let value = variable + 2; value < statement.length; value += 2) {
      take(parameter, value)
      if (statement.mark(value + 1) !== ',') break
    }
  }
}
