import { checkOptions, type OptionNames } from '../check-options.ts'
import type { ArchiveView } from '../view.ts'
import { Catalog } from './catalog.ts'
import { createDrawer } from './html/draw.ts'
import { drawSchemas, drawTables, type Drawing } from './html/drawing.ts'
import { page } from './html/page.ts'
import type { AuditReport } from './types.ts'

/** How to write a report as HTML. */
export interface AuditHtmlOptions {
  /** What the archive is called. Default: the name of its database. */
  readonly title?: string
  /** Draw schemas and tables. Default true; needs the package @viz-js/viz. */
  readonly picture?: boolean
}

const auditHtmlOptionNames: OptionNames<AuditHtmlOptions> = { title: true, picture: true }

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
  checkOptions('auditHtml', options, auditHtmlOptionNames)
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
    inventory: [],
    figures: draw === undefined ? [] : drawings.map(draw),
  })
}

function drawingsOf(catalog: Catalog): readonly Drawing[] {
  const schemas = drawSchemas(catalog)
  return [...(schemas === undefined ? [] : [schemas]), ...drawTables(catalog)]
}
