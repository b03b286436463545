import type { TocEntry } from '../toc/types.ts'
import type { Reading } from './reading.ts'

/** Types whose tag is the name of one thing, without quotes. */
const named: ReadonlySet<string> = new Set([
  'TABLE',
  'FOREIGN TABLE',
  'VIEW',
  'MATERIALIZED VIEW',
  'MATERIALIZED VIEW DATA',
  'TABLE DATA',
  'TABLE ATTACH',
  'ROW SECURITY',
  'SEQUENCE',
  'SEQUENCE SET',
  'SEQUENCE OWNED BY',
  'INDEX',
  'INDEX ATTACH',
  'STATISTICS',
  'TYPE',
  'SHELL TYPE',
  'DOMAIN',
  'COLLATION',
  'CONVERSION',
  'OPERATOR CLASS',
  'OPERATOR FAMILY',
  'TEXT SEARCH CONFIGURATION',
  'TEXT SEARCH DICTIONARY',
  'TEXT SEARCH PARSER',
  'TEXT SEARCH TEMPLATE',
  'SCHEMA',
  'EXTENSION',
])

const routines: ReadonlySet<string> = new Set(['FUNCTION', 'PROCEDURE', 'AGGREGATE'])

/** What is said of an object: its tag begins with the type of that, and names it with quotes. */
const ofObjects: ReadonlySet<string> = new Set(['ACL', 'COMMENT', 'SECURITY LABEL'])

/** What an entry is called in a report: the same for every dump of the same database. */
export function labelOf({ quoteNames }: Reading, entry: TocEntry): string {
  const { desc, namespace } = entry
  const tag = entry.tag ?? ''
  const schema = namespace === null || namespace === '' ? '' : `${quoteNames(namespace)}.`
  if (named.has(desc)) return `${schema}${quoteNames(tag)}`
  if (routines.has(desc)) {
    const open = tag.indexOf('(')
    return open <= 0 ? `${schema}${tag}` : `${schema}${quoteNames(tag.slice(0, open))}${tag.slice(open)}`
  }
  if (ofObjects.has(desc) && schema !== '') return tag.replace(/^(?:[A-Z]+ )+/, (type) => `${type}${schema}`)
  return `${schema}${tag}`
}
