import { closest } from '../closest.ts'
import { ArchiveError, type OnWarning } from '../errors.ts'
import type { FilteredView, UnmatchedName } from './selection.ts'

/**
 * Fails when a name to include matched nothing (StrictNamesCheck, pg_backup_archiver.c). `filter` calls it for
 * `strictNames`; pg_restore's listing does so only after it has been printed.
 *
 * @throws ArchiveError NAME_NOT_FOUND with `{kind, name, pgRestore}` for the first of {@link FilteredView.unmatched}
 */
export function checkStrictNames(view: FilteredView): void {
  const [first, ...others] = view.unmatched
  if (first === undefined) return
  const { kind, name } = first
  const more = others.length > 0 ? `, nor do ${others.length} more of the names` : ''
  throw new ArchiveError(
    'NAME_NOT_FOUND',
    `Cannot select ${kind} ${JSON.stringify(name)}: no entry matches it${more}`,
    {
      hint: hintFor(view, first),
      details: { kind, name, pgRestore: `${kind} "${name}" not found` },
    },
  )
}

/** Tells of every name to include that matched nothing, of which pg_restore without `--strict-names` says nothing. */
export function warnUnmatchedNames(view: FilteredView, onWarning: OnWarning): void {
  for (const [index, unmatched] of view.unmatched.entries()) {
    onWarning({
      code: 'NAME_UNMATCHED',
      severity: 'warning',
      message: `no entry matches ${unmatched.kind} ${JSON.stringify(unmatched.name)}`,
      ...(index < hinted ? { hint: hintFor(view, unmatched) } : {}),
    })
  }
}

/** A hint takes a look at every entry; this many names are enough to see what went wrong. */
const hinted = 10

const options: Readonly<Record<UnmatchedName['kind'], string>> = {
  schema: '-n',
  table: '-t',
  index: '-I',
  function: '-P',
  trigger: '-T',
}

/** Types of entries that a name of the kind may select, where they are few enough to say. */
const types: Readonly<Record<UnmatchedName['kind'], ReadonlySet<string> | undefined>> = {
  schema: undefined,
  table: new Set(['TABLE', 'TABLE DATA', 'VIEW', 'FOREIGN TABLE', 'MATERIALIZED VIEW', 'SEQUENCE']),
  index: new Set(['INDEX']),
  function: new Set(['FUNCTION', 'AGGREGATE', 'PROCEDURE']),
  trigger: new Set(['TRIGGER']),
}

/** What was probably meant: names are compared as they are listed, and people write them as in SQL. */
function hintFor(view: FilteredView, { kind, name }: UnmatchedName): string {
  if (view.selection.match === 'pattern')
    return 'Patterns are those of psql: schema.name, * and ?, quotes around capitals'
  const general = 'Names are compared as the list shows them: exact case, no quotes, no schema in front'
  const names = namesOf(view, kind)
  const dot = name.indexOf('.')
  const [schema, rest] = [unquoted(name.slice(0, dot)), unquoted(name.slice(dot + 1))]
  if (dot > 0 && kind !== 'schema' && names.get(rest)?.has(schema) === true) {
    return `The schema has an option of its own: -n ${schema} ${options[kind]} ${rest}`
  }
  const bare = unquoted(name)
  if (names.has(bare))
    return bare === name ? 'It is there, but the other options leave it out' : `Leave the quotes out: ${bare}`
  const ofTable = kind === 'trigger' ? [...names.keys()].find((tag) => tag.endsWith(` ${bare}`)) : undefined
  if (ofTable !== undefined) return `A trigger is listed after its table: -T ${JSON.stringify(ofTable)}`
  const near = closest(name, [...names.keys()])
  return near === undefined ? general : `Did you mean ${JSON.stringify(near)}? ${general}`
}

function unquoted(name: string): string {
  return /^".*"$/s.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name
}

/** Names that could have been given, each with its schemas. */
function namesOf(view: FilteredView, kind: UnmatchedName['kind']): ReadonlyMap<string, ReadonlySet<string | null>> {
  const wanted = types[kind]
  const names = new Map<string, Set<string | null>>()
  for (const { desc, namespace, tag } of view.allEntries) {
    if (wanted !== undefined && !wanted.has(desc)) continue
    const name = kind === 'schema' ? namespace : tag
    if (name === null || name === '') continue
    const schemas = names.get(name)
    if (schemas === undefined) names.set(name, new Set([namespace]))
    else schemas.add(namespace)
  }
  return names
}
