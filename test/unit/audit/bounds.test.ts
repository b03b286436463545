import { describe, expect, test } from 'vitest'
import { Catalog } from '../../../src/audit/catalog.ts'
import { drawSchemas, drawTables } from '../../../src/audit/html/drawing.ts'
import { audit } from '../../../src/audit/audit.ts'
import { targetProfile } from '../../../src/audit/find-profile.ts'
import { auditMarkdown } from '../../../src/audit/markdown.ts'
import { targetProblems } from '../../../src/audit/target-problems.ts'
import { table } from '../../../src/cli/layout.ts'
import { entryOf, viewOf, type EntryFields } from '../../helpers/entries.ts'

const viewOn = (fields: readonly EntryFields[]) => viewOf(fields.map((one, at) => entryOf(at + 1, one)))

function catalogOf(fields: readonly EntryFields[]): Catalog {
  const catalog = new Catalog(viewOn(fields))
  catalog.read()
  return catalog
}

/** More than a call takes as arguments. */
const many = 160_000

describe('lists of any length are read and written', () => {
  test('default privileges of one statement', () => {
    const schemas = Array.from({ length: many }, (_, at) => `s${at}`).join(', ')
    const defn = `ALTER DEFAULT PRIVILEGES FOR ROLE r IN SCHEMA ${schemas} GRANT SELECT ON TABLES TO x;\n`
    expect(catalogOf([{ desc: 'DEFAULT ACL', defn }]).grants).toHaveLength(many)
  })

  test('what a target refuses of one entry', () => {
    const defn = `CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql${' LEAKPROOF'.repeat(many)};\n`
    const { direct } = targetProblems(catalogOf([{ desc: 'FUNCTION', defn }]), targetProfile('postgres:18:owner'))
    expect(direct).toHaveLength(many)
  })

  test('findings, and backquotes in a name, in Markdown', async () => {
    const report = await audit(viewOn([{ defn: 'CREATE TABLE public.t1 (a integer);\n' }]))
    const finding = report.findings[0]
    const findings = finding === undefined ? [] : Array.from({ length: many }, () => finding)
    const text = auditMarkdown([{ path: '` '.repeat(many), report: { ...report, findings } }], { all: true })
    expect(text.startsWith('# Audit of `` ` ` ')).toBe(true)
    expect(text.split('\n').filter((line) => line.startsWith('- '))).toHaveLength(many)
  })

  test('rows of a table on the screen', () => {
    const rows = Array.from({ length: many }, (_, at) => [String(at)])
    const text = table([{ title: 'N', align: 'right' }], rows)
    expect(text.startsWith('     N\n     0\n')).toBe(true)
    expect(text.endsWith('\n159999\n')).toBe(true)
  })
})

describe('the catalog', () => {
  test('takes time in proportion to the columns of a table and the statements about them', () => {
    const count = 20_000
    const columns = Array.from({ length: count }, (_, at) => `    c${at} integer`).join(',\n')
    const alter = (what: (at: number) => string) =>
      `ALTER TABLE ONLY public.t ${Array.from({ length: count }, (_, at) => what(at)).join(', ')};\n`
    const start = performance.now()
    const { tables } = catalogOf([
      { tag: 't', defn: `CREATE TABLE public.t (\n${columns}\n);\n` },
      { desc: 'DEFAULT', tag: 't c', defn: alter((at) => `ALTER COLUMN c${at} SET DEFAULT 1`) },
      { desc: 'CONSTRAINT', tag: 't n', defn: alter((at) => `ADD CONSTRAINT n${at} NOT NULL c${at}`) },
    ])
    // 800 million columns are looked at where each statement looks at all
    expect(performance.now() - start).toBeLessThan(7_000)
    const all = tables[0]?.columns ?? []
    expect(all).toHaveLength(count)
    expect(all.every((column) => column.notNull && column.default === '1')).toBe(true)
  })
})

describe('drawings', () => {
  const schemas = (count: number, needs: (at: number) => readonly number[]): EntryFields[] =>
    Array.from({ length: count }, (_, at) => ({
      tag: `t${at}`,
      namespace: `s${at}`,
      defn: `CREATE TABLE s${at}.t${at} (a integer);\n`,
      dependencies: needs(at),
    }))

  test('drawSchemas() draws no arrow to or from what is not drawn', () => {
    // a star of 200 around the largest
    const fields = schemas(200, (at) => (at === 0 ? [] : [1]))
    fields.push({ ...fields[0], tag: 'second' })
    const drawing = drawSchemas(catalogOf(fields))
    const drawn = new Set(drawing?.nodes.map(({ id }) => id))
    expect(drawn.size).toBe(120)
    expect(drawing?.edges.length).toBe(119)
    expect(drawing?.edges.every(({ from, to }) => drawn.has(from) && drawn.has(to))).toBe(true)
    expect(drawing?.omitted).toBe('80 schemas are not drawn, the smallest.')
  })

  test('drawSchemas() draws 400 arrows at most, of the most objects, and says so', () => {
    const ids = Array.from({ length: 60 }, (_, at) => at + 1)
    const fields = schemas(60, () => ids)
    fields.push({ ...fields[7], tag: 'second' })
    const drawing = drawSchemas(catalogOf(fields))
    expect(drawing?.edges).toHaveLength(400)
    expect(drawing?.edges.filter(({ from, label }) => from === 's7' && label === '2')).toHaveLength(59)
    expect(drawing?.omitted).toBe('3140 ties are not drawn, those of the fewest objects.')
  })

  test('drawTables() draws 400 arrows at most, and says so', () => {
    const count = 30
    const references = Array.from({ length: count }, (_, at) => `    c${at} integer REFERENCES s.t${at}(c0)`).join(
      ',\n',
    )
    const fields = Array.from({ length: count }, (_, at) => ({
      tag: `t${at}`,
      namespace: 's',
      defn: `CREATE TABLE s.t${at} (\n${references}\n);\n`,
    }))
    const [drawing] = drawTables(catalogOf(fields))
    expect(drawing?.nodes).toHaveLength(count)
    expect(drawing?.edges).toHaveLength(400)
    expect(drawing?.omitted).toBe('500 foreign keys are not drawn, the last of the archive.')
  })
})
