import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { wholeness } from '../../../src/cli/dump-report.ts'
import { create, verify } from '../../../src/index.ts'

async function archiveWith(value: string, change: (text: string) => string = (text) => text): Promise<Buffer> {
  const output = new PassThrough()
  const chunks = output.toArray()
  const writer = await create(output, { dbname: 'x', compression: 'none' })
  const table = writer.addEntry({
    desc: 'TABLE',
    tag: 't',
    namespace: 'public',
    defn: 'CREATE TABLE public.t (a text);\n',
  })
  const data = [[value]]
  writer.addEntry({ desc: 'TABLE DATA', tag: 't', namespace: 'public', columns: ['a'], dependencies: [table], data })
  await writer.finish()
  return Buffer.from(change(Buffer.concat(await chunks).toString('latin1')), 'latin1')
}

test.each([
  ['nothing', (text: string) => text, 'sound'],
  // a server with such rows dumps them as they are
  ['bytes that are no character', (text: string) => text.replace('marked', 'mark\xff\xff'), 'whole'],
  ['rows that do not end', (text: string) => text.replace('\\.\n', '\\,\n'), 'broken'],
  ['an end that is missing', (text: string) => text.slice(0, -1), 'broken'],
  ['another beginning', () => 'hello', 'broken'],
])('wholeness() of an archive with %s', async (_, change, expected) => {
  const report = await verify(await archiveWith('marked', change))
  expect([wholeness(report), report.findings.map(({ code }) => code)]).toEqual([expected, expect.anything()])
})
