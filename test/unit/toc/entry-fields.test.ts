import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import { create } from '../../../src/create.ts'
import { rewriteOwner } from '../../../src/ops/rewrite-owner.ts'
import { buildEntry } from '../../../src/toc/built-entry.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

test('an entry shows what it is in the console and as JSON, read, changed or made', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pgdmp-entry-fields-'))
  try {
    const writer = await create(join(folder, 'a'))
    const defn = `CREATE TABLE public.t (${'a'.repeat(500)} text);\n`
    const dependencies = [1, 2, 3, 1, 2, 3, 1]
    const made = { desc: 'TABLE', tag: 't', namespace: 'public', owner: 'ann', defn, dumpId: 10, dependencies }
    writer.addEntry(made)
    await writer.finish()
    await using archive = await open(join(folder, 'a'))
    const stored = archive.entry(10)
    const changed = rewriteOwner(archive, { ann: 'bob' }).entry(10)
    if (stored === undefined || changed === undefined) throw new Error('no entry')
    const rest = { hadDumper: false, section: 'pre-data', catalogId: { tableoid: 1259, oid: 16394 } } as const
    const more = { dropStmt: null, copyStmt: null, tablespace: '', tableam: null, relkind: undefined }
    const built = buildEntry({ ...made, ...rest, ...more }, (text) => Buffer.from(text))
    for (const [entry, owner] of [
      [stored, 'ann'],
      [changed, 'bob'],
      [built, 'ann'],
    ] as const) {
      const all: unknown = JSON.parse(JSON.stringify(entry))
      expect(all).toEqual({
        ...made,
        ...rest,
        owner,
        dropStmt: null,
        copyStmt: null,
        tablespace: '',
        tableam: null,
        data: { state: 'no-data' },
      })
      const shown = inspect(entry)
      expect(shown).toMatch(/^TocEntry \{/)
      expect(shown).toContain(`owner: '${owner}'`)
      expect(shown).toContain('moreDependencies: 1')
      expect(shown.length).toBeLessThan(400)
      expect(inspect({ a: { b: { c: [entry] } } })).toMatch(/\[(Array|TocEntry 10 TABLE)\]/)
      expect(inspect([entry], { depth: 0 })).toBe('[ [TocEntry 10 TABLE] ]')
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
