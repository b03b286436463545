import type { TocEntry } from '../toc/types.ts'
import { closing, qualifiedName, type Reading } from './reading.ts'
import type { CatalogFunction, DefinitionStatement } from './types.ts'

/** Words that may follow the type of the result. */
const afterResult: ReadonlySet<string> = new Set([
  'language',
  'transform',
  'window',
  'immutable',
  'stable',
  'volatile',
  'leakproof',
  'not',
  'called',
  'returns',
  'strict',
  'security',
  'external',
  'parallel',
  'cost',
  'rows',
  'support',
  'set',
  'as',
  'begin',
  'return',
])

/** CREATE FUNCTION, PROCEDURE or AGGREGATE. */
export function readFunction(
  reading: Reading,
  statement: DefinitionStatement,
  entry: TocEntry,
): CatalogFunction | undefined {
  const at = statement.has(1, 'or', 'replace') ? 3 : 1
  const kind = statement.word(at)
  if (kind !== 'function' && kind !== 'procedure' && kind !== 'aggregate') return undefined
  const found = qualifiedName(reading, statement, at + 1, entry)
  if (found === undefined) return undefined
  const hasList = statement.mark(found.next) === '('
  const close = hasList ? closing(statement, found.next) : found.next - 1
  const base = {
    entry,
    kind,
    schema: found.schema,
    name: found.name,
    arguments: hasList ? statement.source(found.next + 1, close) : '',
  } as const
  const routine = readClauses(reading, statement, kind === 'aggregate' ? statement.length : close + 1)
  return { ...base, ...routine }
}

type Clauses = Omit<CatalogFunction, 'entry' | 'kind' | 'schema' | 'name' | 'arguments'>

function readClauses(reading: Reading, statement: DefinitionStatement, from: number): Clauses {
  const settings = new Map<string, string>()
  const { bodyStart } = statement
  const hasSqlBody = bodyStart < statement.length
  let language = hasSqlBody ? 'sql' : ''
  let returns = ''
  let securityDefiner = false
  let leakproof = false
  let body: string | undefined
  let objectFile: string | undefined
  let bodyPosition = hasSqlBody ? statement.tokens[bodyStart]?.start : undefined
  for (let at = from; at < bodyStart; at++) {
    if (statement.depth(at) > 0) continue
    switch (statement.word(at)) {
      case 'returns': {
        // RETURNS NULL ON NULL INPUT
        if (statement.has(at + 1, 'null', 'on')) break
        let end = at + 1
        while (end < bodyStart && (statement.depth(end) > 0 || !afterResult.has(statement.word(end)))) end++
        returns = statement.source(at + 1, end)
        at = end - 1
        break
      }
      case 'language':
        language = reading.decode(statement.literal(at + 1) ?? statement.name(at + 1) ?? '')
        at++
        break
      case 'security':
        securityDefiner = statement.word(at + 1) === 'definer'
        break
      case 'leakproof':
        leakproof = statement.word(at - 1) !== 'not'
        break
      case 'set':
        at = readSetting(reading, statement, at, bodyStart, settings)
        break
      case 'as': {
        if (!statement.isString(at + 1)) break
        const value = statement.literal(at + 1)
        const token = statement.tokens[at + 1]
        if (statement.mark(at + 2) === ',') objectFile = value === undefined ? undefined : reading.decode(value)
        else {
          body = value ?? statement.source(at + 1, at + 2)
          bodyPosition = token?.start
        }
        at++
        break
      }
    }
  }
  if (language === 'c' && objectFile === undefined && body !== undefined) {
    objectFile = reading.decode(body)
    body = undefined
  }
  return { returns, language, securityDefiner, settings, body, bodyPosition, objectFile, leakproof }
}

/** `SET name TO value` or `= value`; gives the place of its last token. */
function readSetting(
  reading: Reading,
  statement: DefinitionStatement,
  at: number,
  to: number,
  settings: Map<string, string>,
): number {
  let name = statement.name(at + 1)
  if (name === undefined) return at
  let next = at + 2
  // a setting of an extension: `my.setting`
  while (statement.mark(next) === '.' && statement.name(next + 1) !== undefined) {
    name += `.${statement.name(next + 1) ?? ''}`
    next += 2
  }
  if (statement.word(next) === 'from') {
    settings.set(reading.decode(name).toLowerCase(), '')
    return next + 1
  }
  if (statement.word(next) !== 'to' && statement.mark(next) !== '=') return at
  let end = next + 2
  while (end < to && statement.mark(end) === ',') end += 2
  settings.set(reading.decode(name).toLowerCase(), reading.decode(statement.source(next + 1, end)))
  return end - 1
}
