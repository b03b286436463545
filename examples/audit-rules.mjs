// @ts-check
// Rules of your own: pgdmp audit --rules examples/audit-rules.mjs nightly.dump
// As a program it applies them alone: node examples/audit-rules.mjs nightly.dump
import { pathToFileURL } from 'node:url'
import { audit, open } from 'pgdmp'

/** @type {import('pgdmp').AuditRule[]} */
export const rules = [
  {
    id: 'house-table-without-comment',
    severity: 'notice',
    category: 'hygiene',
    message: 'A table has no comment',
    explanation: 'Whoever comes next should find out from the database what a table is for.',
    fix: 'COMMENT ON TABLE … IS …;',
    links: ['https://www.postgresql.org/docs/current/sql-comment.html'],
    check({ catalog, report }) {
      const commented = new Set(catalog.ofType('COMMENT').flatMap(({ dependencies }) => dependencies))
      for (const { entry, schema, name } of catalog.tables) {
        if (!commented.has(entry.dumpId)) report({ entry, message: `${catalog.quote(schema, name)} has no comment` })
      }
    },
  },
]

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const archive = await open(process.argv[2] ?? 'nightly.dump')
  const { findings } = await audit(archive, {
    rules,
    settings: { security: 'off', hygiene: 'off', [rules[0].id]: 'on' },
  })
  for (const { severity, message } of findings) console.log(`${severity}: ${message}`)
  await archive.close()
}
