/** What a COPY statement of an archive says (dumpTableData_copy, pg_dump.c). Names are byte strings, unquoted. */
export interface CopyStatement {
  /** Schema and name, or the name alone. */
  readonly table: readonly string[]
  /** Undefined where the statement has no list: a table without columns, or an archive of before 7.3. */
  readonly columns: readonly string[] | undefined
  /** The first field of each row is the OID (before 12). */
  readonly withOids: boolean
}

/** `table`, `schema.table`, `"Sch""ema"."T"`; then optional columns, options, and the end. */
const name = String.raw`(?:"(?:[^"]|"")*"|[A-Za-z_\u0080-\u00ff][A-Za-z0-9_$\u0080-\u00ff]*)`
const statement = new RegExp(
  String.raw`^\s*COPY\s+(${name}(?:\s*\.\s*${name}){0,2})\s*(?:\(([^]*)\))?\s*(WITH\s+OIDS\s+)?FROM\s+stdin\s*;\s*$`,
  'i',
)
/** Longer than that of 1,600 columns of the longest names: what is longer is no statement of pg_dump's. */
const maxStatement = 1024 * 1024
const oneName = new RegExp(name, 'gy')

/**
 * Reads a copyStmt, a byte string.
 * @returns undefined for what is no COPY … FROM stdin
 * @example
 * parseCopyStatement('COPY public.t (a, "B") FROM stdin;\n')?.columns // ['a', 'B']
 */
export function parseCopyStatement(text: string): CopyStatement | undefined {
  const match = text.length > maxStatement ? null : statement.exec(text)
  if (match === null) return undefined
  const [, qualified = '', list, oids] = match
  const table = namesIn(qualified, '.')
  const columns = list === undefined ? undefined : namesIn(list, ',')
  if (table === undefined || (list !== undefined && columns === undefined)) return undefined
  return { table, columns, withOids: oids !== undefined }
}

/** Names with a separator between them; undefined for anything else. */
function namesIn(text: string, separator: string): readonly string[] | undefined {
  const names: string[] = []
  let at = 0
  const skipSpace = (): void => {
    while (/\s/.test(text.charAt(at))) at++
  }
  for (;;) {
    skipSpace()
    oneName.lastIndex = at
    const found = oneName.exec(text)?.[0]
    if (found === undefined) return undefined
    names.push(found.startsWith('"') ? found.slice(1, -1).replaceAll('""', '"') : found)
    at += found.length
    skipSpace()
    if (at === text.length) return names
    if (text.charAt(at) !== separator) return undefined
    at++
  }
}

/** Fields that each row must have; undefined when the statement does not tell. */
export function fieldCount({ columns, withOids }: CopyStatement): number | undefined {
  return columns === undefined ? undefined : columns.length + (withOids ? 1 : 0)
}
