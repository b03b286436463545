import type { TocEntry } from '../../toc/types.ts'
import { builtInFunctions } from '../built-in-functions.ts'
import { areBuiltIn, castTypes } from '../built-in-types.ts'
import { neverPlain, type MarkedRule } from '../marked-rule.ts'
import { surveyOf } from '../survey.ts'
import type { DefinitionStatement } from '../types.ts'

const guide = 'https://wiki.postgresql.org/wiki/A_Guide_to_CVE-2018-1058:_Protect_Your_Search_Path'
const schemas = 'https://www.postgresql.org/docs/current/ddl-schemas.html#DDL-SCHEMAS-PATTERNS'

/** Names of the operators of pg_catalog (asked of servers of 15 and 18). */
const builtInOperators: ReadonlySet<string> = new Set(
  `!! !~ !~* !~~ !~~* # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> << <<= <<| <= <>
  <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> || ||/ ~ ~* ~<=~ ~<~ ~= ~>=~ ~>~
  ~~ ~~*`.split(/\s+/),
)

const temporary = /^pg_temp(?:_\d+)?$/

/** Types of entries that are something in a schema. */
const withoutObject: ReadonlySet<string> = new Set([
  'COMMENT',
  'ACL',
  'SECURITY LABEL',
  'TABLE DATA',
  'STATISTICS DATA',
])

/** Rules about objects that come in the way of the server's own (CVE-2018-1058). */
export const shadowingRules: readonly MarkedRule[] = [
  {
    id: 'shadows-built-in-function',
    severity: 'warning',
    category: 'security',
    message: 'A function in public has the name of a built-in one and takes built-in types',
    explanation:
      'A call without a schema finds functions by how well the types fit: one in public that fits better than that of ' +
      'pg_catalog is called in its place, by whoever has public in the search_path, superusers and programs too ' +
      '(CVE-2018-1058). Functions for types of their own are not meant.',
    fix: 'Give it another name or another schema, or drop it.',
    links: [guide, schemas],
    check({ catalog, report }) {
      for (const one of catalog.functions) {
        // procedures are called by CALL alone
        if (one.schema !== 'public' || one.kind === 'procedure') continue
        if (!builtInFunctions.has(one.name) || !areBuiltIn(one.arguments)) continue
        const { entry, name } = one
        report({ entry, message: `${catalog.label(entry)} can be called in place of pg_catalog.${name}` })
      }
    },
  },
  {
    id: 'shadows-built-in-operator',
    severity: 'warning',
    category: 'security',
    message: 'An operator in public has the name of a built-in one and takes built-in types',
    explanation:
      'Operators are found as functions are: one in public whose types fit better is used in place of that of ' +
      'pg_catalog (CVE-2018-1058).',
    fix: 'Give it another name or another schema, or drop it.',
    links: [guide, schemas],
    marks: neverPlain,
    definition(entry, statements, { report, catalog }) {
      for (const statement of statements) {
        if (statement.command !== 'CREATE OPERATOR' || statement.name(2) !== 'public') continue
        const operator = statement.mark(4)
        if (!builtInOperators.has(operator) || !areBuiltIn(operands(statement))) continue
        const label = catalog.label(entry)
        report({ entry, message: `${label} can be used in place of pg_catalog's ${operator}` })
      }
    },
  },
  {
    id: 'cast-between-built-in-types',
    severity: 'warning',
    category: 'security',
    message: 'A cast between built-in types is made, which works by itself',
    explanation:
      'A cast AS IMPLICIT or AS ASSIGNMENT has no schema: it changes what statements of everybody in the database mean, ' +
      'and its function runs in them.',
    fix: 'Write the cast where it is needed instead (CREATE CAST without AS), or use types of your own.',
    links: ['https://www.postgresql.org/docs/current/sql-createcast.html'],
    marks: neverPlain,
    definition(entry, statements, { report, catalog }) {
      for (const statement of statements) {
        if (statement.command !== 'CREATE CAST') continue
        const types = castTypes(statement)
        const as = statement.has(statement.length - 2, 'as', 'implicit|assignment')
        if (!as || !areBuiltIn(types)) continue
        report({
          entry,
          message: `${catalog.decode(types)}: ${catalog.decode(statement.source(statement.length - 2))}`,
        })
      }
    },
  },
  {
    id: 'object-in-system-schema',
    severity: 'error',
    category: 'security',
    message: 'An object is put into a schema of the system, or of temporary objects',
    explanation:
      'What is in pg_catalog is found before everything else, by everybody; what is in pg_temp before everything but ' +
      'that, by the session that restores. pg_dump never dumps either.',
    fix: 'Do not restore the archive before you know where it comes from.',
    links: [guide],
    check({ view, report }) {
      const tell = (entry: TocEntry, schema: string): void => report({ entry, message: `It belongs in ${schema}` })
      for (const entry of surveyOf(view.toc).inSystemSchema) {
        const schema = entry.raw.byteString('namespace') ?? ''
        if (schema !== 'pg_catalog' && schema !== 'information_schema' && !temporary.test(schema)) continue
        if (!withoutObject.has(entry.desc)) tell(entry, schema)
      }
    },
    marks: neverPlain,
    definition(entry, statements, { report }) {
      for (const statement of statements) {
        const schema = createdIn(statement)
        if (schema === undefined || schema === entry.raw.byteString('namespace')) continue
        if (schema === 'pg_catalog' || schema === 'information_schema' || temporary.test(schema)) {
          report({ entry, message: `${statement.command} in ${schema}`, position: statement.start })
        }
      }
    },
  },
]

/** What LEFTARG and RIGHTARG of CREATE OPERATOR say. */
function operands(statement: DefinitionStatement): string {
  const found: string[] = []
  for (let at = 0; at < statement.length; at++) {
    if (!statement.has(at, 'leftarg|rightarg') || statement.mark(at + 1) !== '=') continue
    let end = at + 2
    while (end < statement.length && statement.mark(end) !== ',' && statement.depth(end) > 0) end++
    found.push(statement.source(at + 2, end))
  }
  return found.join(', ')
}

/** The schema of what a statement creates: the name before the first dot, right after the words of the command. */
function createdIn(statement: DefinitionStatement): string | undefined {
  if (statement.word(0) !== 'create') return undefined
  for (let at = 1; at < 8; at++) {
    if (statement.mark(at) === '.') return statement.name(at - 1)
    if (statement.mark(at) !== '' || statement.has(at, 'on|for|as|to')) return undefined
  }
  return undefined
}
