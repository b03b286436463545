import { aBoolean, aString, checkOptions, type OptionKinds } from '../check-options.ts'
import type { ArchiveView } from '../view.ts'
import { Catalog } from './catalog.ts'
import { createDrawer } from './html/draw.ts'
import { drawSchemas, drawTables, type Drawing } from './html/drawing.ts'
import { page, type PageTable } from './html/page.ts'
import type { AuditInventory, AuditReport } from './report.ts'

/** How to write a report as HTML. */
export interface AuditHtmlOptions {
  /** What the archive is called. Default: the name of its database. */
  readonly title?: string
  /** Draw schemas and tables. Default true; needs the package @viz-js/viz. */
  readonly picture?: boolean
}

const auditHtmlOptionKinds: OptionKinds<AuditHtmlOptions> = { title: aString, picture: aBoolean }

/**
 * A report of {@link audit} as one HTML document: findings with filter and search, the inventory, and pictures of the
 * schemas and of the tables' foreign keys, drawn by Graphviz. It loads nothing from anywhere, and what an archive names
 * stays text in it.
 *
 * @param view the view that was audited
 * @throws ArchiveError USAGE for bad options, UNSUPPORTED when the package @viz-js/viz is not there
 *
 * @example
 * await writeFile('report.html', await auditHtml(archive, await audit(archive)))
 */
export async function auditHtml(
  view: ArchiveView,
  report: AuditReport,
  options: AuditHtmlOptions = {},
): Promise<string> {
  checkOptions('auditHtml', options, auditHtmlOptionKinds)
  const { dbname, remoteVersion, dumpVersion } = view.header
  const title = options.title ?? dbname ?? 'an archive'
  const catalog = new Catalog(view)
  catalog.read()
  const drawings = options.picture === false ? [] : drawingsOf(catalog)
  const draw = drawings.length === 0 ? undefined : await createDrawer()
  return page({
    title,
    facts: [
      ...(dbname === null || dbname === title ? [] : [`Database ${dbname}`]),
      ...(remoteVersion === null ? [] : [`Server ${remoteVersion}, pg_dump ${dumpVersion ?? 'of unknown version'}`]),
      `Entries: ${view.toc.length}; rules applied: ${report.rules.length}${report.target === undefined ? '' : `; target: ${report.target}`}`,
    ],
    report,
    inventory: tablesOf(report.inventory),
    figures: draw === undefined ? [] : drawings.map(draw),
  })
}

function drawingsOf(catalog: Catalog): readonly Drawing[] {
  const schemas = drawSchemas(catalog)
  return [...(schemas === undefined ? [] : [schemas]), ...drawTables(catalog)]
}

/** Rows of a table that are shown: a page with more is of no use, and the JSON report has them all. */
const shownRows = 500

function tablesOf(inventory: AuditInventory): readonly PageTable[] {
  const { types, schemas, owners, privileges, tables, extensions, languages, roles } = inventory
  const all: PageTable[] = [
    { title: 'Objects by type', head: ['Type', 'Objects'], rows: types.map(({ type, objects }) => [type, objects]) },
    {
      title: 'Objects by schema',
      head: ['Schema', 'Objects', 'Types'],
      rows: schemas.map((one) => [
        one.schema ?? '(none)',
        one.objects,
        one.types.map(({ type, objects }) => `${type} ${objects}`).join(', '),
      ]),
    },
    {
      title: 'Objects by owner',
      head: ['Owner', 'Objects'],
      rows: owners.map(({ owner, objects }) => [owner, objects]),
    },
    {
      title: 'Largest tables',
      head: ['Table', 'Stored bytes', 'Rows'],
      rows: tables.map(({ schema, name, storedBytes, rows }) => [
        schema === null ? name : `${schema}.${name}`,
        storedBytes ?? 'not known',
        rows ?? 'not counted',
      ]),
    },
    {
      title: 'Extensions',
      head: ['Extension', 'Schema'],
      rows: extensions.map(({ name, schema }) => [name, schema ?? '']),
    },
    {
      title: 'Languages of functions',
      head: ['Language', 'Functions', 'Created here'],
      rows: languages.map(({ language, functions, created }) => [language, functions, created ? 'yes' : 'no']),
    },
    {
      title: 'Roles, and what they may do',
      head: ['Role', 'Owns', 'Policies', 'May'],
      rows: roles.map(({ name, owns, policies, may }) => [
        name,
        owns,
        policies,
        may.map(({ privilege, type, objects }) => `${privilege} on ${objects} ${type}`).join(', '),
      ]),
    },
    {
      title: 'Privileges by role and object',
      head: ['Role', 'Type', 'Object', 'Privileges'],
      rows: privileges.map(({ role, type, object, privileges: granted, grantOption }) => [
        role,
        type,
        object,
        `${granted.join(', ')}${grantOption ? ' with grant option' : ''}`,
      ]),
    },
  ]
  return all.filter(({ rows }) => rows.length > 0).map(shortened)
}

function shortened(table: PageTable): PageTable {
  const { title, head, rows } = table
  if (rows.length <= shownRows) return table
  const omitted = `${rows.length - shownRows} more are in the report as JSON.`
  return { title, head, rows: rows.slice(0, shownRows), omitted }
}
