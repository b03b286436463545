import { expect, test } from 'vitest'
import { StatementSplitter } from '../../../src/restore/statements.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

/** The statements of a text that comes in chunks of a size. */
function split(text: string, size: number, stdStrings = true): string[] {
  const splitter = new StatementSplitter(stdStrings)
  const found: string[] = []
  for (let at = 0; at < text.length; at += size) {
    for (const statement of splitter.push(bytes(text.slice(at, at + size)))) {
      found.push(Buffer.from(statement).toString('latin1'))
    }
  }
  return found
}

const text = `INSERT INTO "a;""b" VALUES ('x;''y', 1);\n\n\nINSERT INTO c VALUES ('\\');\nINSERT INTO d VALUES (2);\n\n`
const statements = [
  `INSERT INTO "a;""b" VALUES ('x;''y', 1);`,
  `INSERT INTO c VALUES ('\\');`,
  'INSERT INTO d VALUES (2);',
]

test('push() cuts at semicolons outside of quotes and drops line breaks between statements, whatever the chunks', () => {
  for (let size = 1; size <= text.length; size++) expect(split(text, size)).toEqual(statements)
})

test('push() takes a backslash for an escape without standard_conforming_strings only', () => {
  const escaped = `INSERT INTO c VALUES ('\\';');\nINSERT INTO d VALUES ('\\\\');`
  expect(split(escaped, 7, false)).toEqual([`INSERT INTO c VALUES ('\\';');`, `INSERT INTO d VALUES ('\\\\');`])
  // the string ends before the semicolon
  expect(split(escaped, 7, true)[0]).toBe(`INSERT INTO c VALUES ('\\';`)
})
