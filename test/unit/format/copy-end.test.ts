import { describe, expect, test } from 'vitest'
import { requireCopyEnd, requireInsertEnd } from '../../../src/format/copy-end.ts'
import { chunksOf } from '../../../src/io/byte-stream.ts'

const read = (...chunks: readonly string[]) => outcome(requireCopyEnd, chunks)

async function outcome(
  require: typeof requireCopyEnd,
  chunks: readonly string[],
): Promise<{ text: string; code: string | undefined }> {
  const source = require(chunksOf(chunks.map((chunk) => Buffer.from(chunk))), 7)
  let text = ''
  try {
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next())
      text += String(Buffer.from(chunk))
  } catch (error) {
    return { text, code: (error as { code: string }).code }
  }
  return { text, code: undefined }
}

describe('requireCopyEnd()', () => {
  test.each([
    ['as pg_dump writes it', ['1\n2\n\\.\n\n\n']],
    ['of an empty table', ['\\.\n\n\n']],
    ['with one line feed, as old releases', ['1\n\\.\n']],
    ['with carriage returns', ['1\r\n\\.\r\n\r\n']],
    ['in single bytes', [...'1\n\\.\n\n\n']],
    ['cut within the terminator', ['a long enough row of text\n\\', '.', '\n\n', '\n']],
  ])('lets a stream pass that ends %s', async (_, chunks) => {
    expect(await read(...chunks)).toEqual({ text: chunks.join(''), code: undefined })
  })

  test.each([
    ['no bytes', []],
    ['rows only', ['1\n2\n']],
    ['a terminator without line end', ['1\n\\.']],
    ['a row that ends like it', ['a\\.\n\n\n']],
    ['an escaped backslash and a dot', ['1\n\\\\.\n\n\n']],
    ['text after it', ['1\n\\.\n\n\nDROP TABLE t;\n']],
  ])('is BAD_COPY_DATA, after all bytes, for %s', async (_, chunks) => {
    expect(await read(...chunks)).toEqual({ text: chunks.join(''), code: 'BAD_COPY_DATA' })
  })
})

describe('requireInsertEnd()', () => {
  test.each([
    ['as pg_dump writes it', ['INSERT INTO t VALUES (1);\n\n\n']],
    ['of an empty table', ['\n\n']],
    ['in single bytes', [...'INSERT INTO t VALUES (1);\n\n\n']],
  ])('lets a stream pass that ends %s', async (_, chunks) => {
    expect(await outcome(requireInsertEnd, chunks)).toEqual({ text: chunks.join(''), code: undefined })
  })

  test.each([
    ['no bytes', []],
    ['statements only', ['INSERT INTO t VALUES (1);\n']],
    ['half a statement', ['INSERT INTO t VALUES (1);\nINSERT INTO']],
  ])('is UNEXPECTED_EOF, after all bytes, for %s', async (_, chunks) => {
    expect(await outcome(requireInsertEnd, chunks)).toEqual({ text: chunks.join(''), code: 'UNEXPECTED_EOF' })
  })
})
