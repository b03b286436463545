import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { create, open, toSql } from '../../../src/index.ts'
import { useCallingThread } from '../../../src/io/calling-thread.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-calling-thread-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function smallTables(): Promise<string> {
  const path = join(mkdtempSync(join(folder, 'archive-')), 'small')
  const archive = await create(path, { format: 'directory', compression: 'none' })
  for (let table = 1; table <= 20; table++) {
    archive.addEntry({
      desc: 'TABLE DATA',
      tag: `t${table}`,
      namespace: 'public',
      columns: ['x'],
      data: [[`row of ${table}`]],
    })
  }
  await archive.finish()
  return path
}

// The command is interrupted all the same: a signal is a task of the event loop as well.
test.each(['a script', 'streams'])(
  'useCallingThread() lets others have their turn between small files: %s',
  async (what) => {
    useCallingThread()
    await using archive = await open(await smallTables())
    const rows = archive.toc.filter(({ desc }) => desc === 'TABLE DATA')
    const controller = new AbortController()
    const { signal } = controller
    const reason = new Error('interrupted')
    setTimeout(() => controller.abort(reason), 1)
    const reading = async (): Promise<void> => {
      const end = performance.now() + 5000
      while (performance.now() < end) {
        if (what === 'a script') await toSql(archive, { signal }).bytes()
        else for (const entry of rows) await archive.data(entry, { signal }).bytes()
      }
    }
    await expect(reading()).rejects.toBe(reason)
  },
)
