import { describe, expect, test } from 'vitest'
import { InsertRenamer } from '../../../src/copy/insert-renamer.ts'
import type { InsertDefect } from '../../../src/copy/insert-scanner.ts'
import { charLengthOf } from '../../../src/sql/multibyte.ts'

const names: ReadonlyMap<string, string> = new Map([
  ['app', '"New ""one"""'],
  ['"Odd ""app"""', 'b'],
  ['"app"', '"c"'],
])

class Refused extends Error {
  readonly defect: InsertDefect
  constructor(defect: InsertDefect) {
    super(defect.code)
    this.defect = defect
  }
}

function renamed(bytes: Uint8Array, size: number, encoding?: string): Buffer {
  const renamer = new InsertRenamer({
    stdStrings: true,
    charLength: encoding === undefined ? undefined : charLengthOf(encoding),
    rename: (schema) => names.get(schema),
    refuse: (defect) => {
      throw new Refused(defect)
    },
  })
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) {
    // lent: what is kept of it would change
    const chunk = Uint8Array.from(bytes.subarray(at, at + size))
    pieces.push(renamer.push(chunk).slice())
    chunk.fill(0x78)
  }
  pieces.push(renamer.finish())
  return Buffer.concat(pieces)
}

/** What comes out must not depend on where the text is cut. */
function rename(text: string | Uint8Array, encoding?: string): Buffer {
  const bytes = Uint8Array.from(Buffer.from(text))
  const whole = renamed(bytes, bytes.length + 1, encoding)
  for (let size = 1; size <= 9; size++)
    expect(renamed(bytes, size, encoding).toString('latin1')).toBe(whole.toString('latin1'))
  return whole
}

describe('InsertRenamer', () => {
  test.each<readonly [string, string]>([
    ['INSERT INTO app.t VALUES (1);\n', 'INSERT INTO "New ""one""".t VALUES (1);\n'],
    [
      'INSERT INTO app.t VALUES (1);\nINSERT INTO app."t.u" DEFAULT VALUES;\n\n\n',
      'INSERT INTO "New ""one""".t VALUES (1);\nINSERT INTO "New ""one"""."t.u" DEFAULT VALUES;\n\n\n',
    ],
    ['INSERT INTO "Odd ""app""".app VALUES (\'app.t\', NULL);\n', "INSERT INTO b.app VALUES ('app.t', NULL);\n"],
    ['INSERT INTO "app".t (app, "app") VALUES (1, 2)', 'INSERT INTO "c".t (app, "app") VALUES (1, 2)'],
  ])('renames in %j', (text, expected) => {
    expect(rename(text).toString()).toBe(expected)
  })

  test.each([
    'INSERT INTO app VALUES (1);\n',
    'INSERT INTO other.app VALUES (1);\n',
    'INSERT INTO app_2.t VALUES (1);\n',
    'INSERT INTO "Odd app".t VALUES (1);\n',
    "INSERT INTO s.t VALUES ('INSERT INTO app.t VALUES (1);\nINSERT INTO app.t');\n",
    "INSERT INTO s.t VALUES ('it''s;\nINSERT INTO app.t VALUES (1)'), (E'\\';INSERT INTO app.t');\n",
    'INSERT INTO s."t;INSERT INTO app.t" (app) VALUES (1) ON CONFLICT DO NOTHING;\n',
    '-- INSERT INTO app.t VALUES (1);\nINSERT INTO s.t VALUES (-1, 2.5);\n',
    'INSERT INTO',
    'INSERT INTO app',
    'INSERT INTO "app',
    '\n\n',
    '',
  ])('leaves %j as it is', (text) => {
    expect(rename(text).toString()).toBe(text)
  })

  test('passes on the chunk itself where nothing changes', () => {
    const chunk = Buffer.from('INSERT INTO s.t VALUES (1);\n')
    const renamer = new InsertRenamer({
      stdStrings: true,
      rename: () => undefined,
      refuse: (defect) => {
        throw new Refused(defect)
      },
    })
    expect(renamer.push(chunk).buffer).toBe(chunk.buffer)
  })

  test('does not take the second byte of a character for a backslash', () => {
    const sjis = Buffer.concat([
      Buffer.from("INSERT INTO s.t VALUES (E'"),
      Buffer.from([0x95, 0x5c]),
      Buffer.from("');\nINSERT INTO app.t VALUES ('"),
      Buffer.from([0x95, 0x5c]),
      Buffer.from("');\n"),
    ])
    expect(rename(sjis, 'SJIS').toString('latin1')).toBe(
      sjis.toString('latin1').replace('INTO app.', 'INTO "New ""one""".'),
    )
  })

  test('keeps no more than a name can have', () => {
    const long = `INSERT INTO "${'x'.repeat(5000)}`
    const renamer = new InsertRenamer({
      stdStrings: true,
      rename: () => 'y',
      refuse: (defect) => {
        throw new Refused(defect)
      },
    })
    let given = 0
    for (const byte of Buffer.from(long)) given += renamer.push(Uint8Array.of(byte)).length
    expect(given).toBeGreaterThan(3900)
    const rest = Buffer.concat([renamer.push(Buffer.from('".t VALUES (1);\n')), renamer.finish()])
    expect(rest.toString()).toBe('".t VALUES (1);\n')
  })

  test.each<readonly [string, string]>([
    ['DELETE FROM app.t;\n', 'SQL_NOT_INSERT'],
    ['INSERT INTO s.t VALUES ($$\n;INSERT INTO app.t$$);\n', 'SQL_UNUSUAL'],
    ['INSERT INTO s.t /* ; */ VALUES (1);\n', 'SQL_UNUSUAL'],
    ['INSERT INTO s.t VALUES (1) \\g\n', 'SQL_BACKSLASH'],
  ])('refuses %j', (text, code) => {
    expect(() => rename(text)).toThrow(code)
  })
})
