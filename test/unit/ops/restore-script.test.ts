import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import { restoreScript } from '../../../src/ops/restore-script.ts'
import { allArchives } from '../../helpers/corpus.ts'
import { tarMembers } from '../../helpers/tar.ts'

const tars = allArchives().filter(({ format, version }) => format === 'tar' && typeof version === 'number')

test.each(tars)(
  'restoreScript() of $path is what pg_dump wrote, corrected',
  async ({ file, pg_dump_version: compat }) => {
    const members = tarMembers(readFileSync(file))
    const written = members.find(({ name }) => name === 'restore.sql')?.content.toString('latin1') ?? ''
    await using archive = await open(file)
    const script = Buffer.from(await restoreScript(archive, { compat }).bytes()).toString('latin1')
    const groups = new Set(archive.toc.filter(({ desc }) => desc === 'BLOBS').map(({ dumpId }) => String(dumpId)))
    const expected = written
      .replaceAll(/^\\(?:un)?restrict \(null\)\n/gm, '')
      .replaceAll(/^\\i \$\$PATH\$\$\/([0-9]+)\.dat\n/gm, (line, id: string) => (groups.has(id) ? '' : line))
    const filled =
      /^SELECT pg_catalog\.lo_put\('([0-9]+)', 0, pg_catalog\.pg_read_binary_file\('\$\$PATH\$\$\/blob_\1\.dat'\)\);\n/gm
    expect(script.replaceAll(filled, '')).toBe(expected)
    const objects = members.flatMap(({ name }) => /^blob_([0-9]+)\.dat$/.exec(name)?.[1] ?? [])
    expect([...script.matchAll(filled)].map(([, oid]) => oid).sort()).toEqual(objects.sort())
  },
)
