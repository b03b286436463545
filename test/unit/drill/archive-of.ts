import { open, type Archive } from '../../../src/archive.ts'
import { create, type ArchiveWriter, type CreateOptions } from '../../../src/create.ts'

/** What {@link created} makes of its one table, `t` with the rows 1 and 2. */
export interface Wanted {
  /** A column of type timestamptz, as a server in UTC prints it. */
  readonly at?: boolean
  /** With a sequence that serves the first column, set to this. */
  readonly sequenceAt?: number
  /** The rows are INSERT statements: these, or those that pg_dump writes. */
  readonly inserts?: boolean | string
  /** The table cannot be created. */
  readonly broken?: boolean
  readonly owner?: string
  /** The archive can be read once. */
  readonly once?: boolean
}

/** A small archive in memory. */
export async function created(wanted: Wanted): Promise<Archive> {
  const bytes = await written((writer) => addTable(writer, wanted))
  return await open(wanted.once === true ? new Blob([bytes]).stream() : bytes)
}

/** An archive in memory that holds what `add` adds. */
export async function archiveOf(add: (writer: ArchiveWriter) => void, options: CreateOptions = {}): Promise<Archive> {
  return await open(await written(add, options))
}

async function written(
  add: (writer: ArchiveWriter) => void,
  options: CreateOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  const output = new WritableStream<Uint8Array>({ write: (chunk) => void chunks.push(chunk.slice()) })
  const writer = await create(output, { dbname: 'small', dumpVersion: '18.0', remoteVersion: '18.0', ...options })
  add(writer)
  await writer.finish()
  return new Uint8Array(Buffer.concat(chunks))
}

function addTable(writer: ArchiveWriter, { at, sequenceAt, inserts, broken, owner }: Wanted): void {
  const columns = ['a', 'b', ...(at === true ? ['at'] : [])]
  const fields = `a integer, b ${broken === true ? 'nothing' : 'text'}${at === true ? ', at timestamp with time zone' : ''}`
  const place = { namespace: 'public', owner: owner ?? null }
  const dropStmt = 'DROP TABLE public.t;\n'
  const table = writer.addEntry({
    ...place,
    desc: 'TABLE',
    tag: 't',
    dropStmt,
    defn: `CREATE TABLE public.t (\n    ${fields}\n);\n`,
  })
  if (sequenceAt !== undefined) {
    const sequence = { ...place, tag: 't_a_seq', dependencies: [table] }
    const id = writer.addEntry({ ...sequence, desc: 'SEQUENCE', defn: 'CREATE SEQUENCE public.t_a_seq;\n' })
    const owned = 'ALTER SEQUENCE public.t_a_seq OWNED BY public.t.a;\n'
    writer.addEntry({ ...sequence, desc: 'SEQUENCE OWNED BY', defn: owned, dependencies: [id] })
    const set = `SELECT pg_catalog.setval('public.t_a_seq', ${sequenceAt}, true);\n`
    writer.addEntry({ ...sequence, desc: 'SEQUENCE SET', defn: set, dependencies: [id] })
  }
  const data = { ...place, desc: 'TABLE DATA', tag: 't', dependencies: [table] }
  const zone = at === true ? ['2026-01-01 00:00:00+00'] : []
  const rows = [
    ['1', 'one', ...zone],
    ['2', 'two', ...zone],
  ]
  const own = "INSERT INTO public.t VALUES (1, 'one');\nINSERT INTO public.t VALUES (2, 'two');\n\n\n"
  const statements = inserts === true ? own : inserts
  if (typeof statements === 'string') writer.addEntry({ ...data, data: [new TextEncoder().encode(statements)] })
  else writer.addEntry({ ...data, columns, data: rows })
}
