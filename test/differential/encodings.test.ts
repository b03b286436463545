import { expect, test } from 'vitest'
import { decoderFor } from '../../src/toc/encoding.ts'
import { servers, withoutServers } from '../helpers/servers.ts'

/** Converts what the server can; in pairs of code and text, a line each. */
const query = (encoding: string): string => `
  DO $$ BEGIN
    CREATE TEMPORARY TABLE found (code text, text text);
    FOR code IN 33024 .. 65278 LOOP
      BEGIN
        INSERT INTO found SELECT to_hex(code), convert_from(decode(to_hex(code), 'hex'), '${encoding}');
      EXCEPTION WHEN OTHERS THEN NULL;
      END;
    END LOOP;
  END $$`

/** Letters of the languages that the encoding is for; of the signs some stand for one thing here, for another there. */
const letters = /^(?=\p{L})[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]$/u

/** How many letters of two bytes each has. */
const encodings = {
  SJIS: 7_100,
  BIG5: 13_000,
  GBK: 21_000,
  GB18030: 21_000,
  UHC: 16_000,
  EUC_JP: 6_400,
  EUC_KR: 7_100,
  EUC_CN: 6_900,
}

/** BIG5 has kana twice; TextDecoder of some engines does not know the second ones. */
const doubtful: Readonly<Record<string, RegExp>> = { BIG5: /^c[67]/ }

test.for(Object.entries(encodings))(
  'decoderFor(%s) reads the letters as a server does',
  ([encoding, least], { skip }) => {
    const server = servers.at(-1)
    if (server === undefined) return skip(withoutServers)
    const decode = decoderFor(encoding)
    const rows = server.ask([query(encoding), 'SELECT code, text FROM found WHERE char_length(text) = 1'])
    const wrong: string[] = []
    let count = 0
    for (const row of rows.split('\n')) {
      const [code = '', text = ''] = row.split('|')
      if (!letters.test(text) || doubtful[encoding]?.test(code)) continue
      count += 1
      const own = decode(Buffer.from(code, 'hex'))
      if (own !== text) wrong.push(`${code}: ${own}, not ${text}`)
    }
    expect(wrong).toEqual([])
    expect(count).toBeGreaterThan(least)
  },
)
