// @ts-check
// Leaves schemas out of an archive on its way from pg_dump to pg_restore; nothing is kept on disk:
// pg_dump -Fc db | node examples/filter-in-a-pipe.mjs SCHEMA... | pg_restore -d other
import { convert, filter, open } from 'pgdmp'

const archive = await open(process.stdin)
try {
  const selection = filter(archive, { excludeSchemas: process.argv.slice(2), create: true })
  await convert(selection, process.stdout)
} finally {
  await archive.close()
}
