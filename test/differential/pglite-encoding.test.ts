import { expect, test } from 'vitest'
import { convertedEncodings, converterFrom } from '../../src/restore/pglite-encoding.ts'
import { serverOf, withoutServers } from '../helpers/servers.ts'

/* What the target over PGlite converts itself is compared with what a server makes of it, byte by byte. */

const server = serverOf(18)

test('converterFrom() reads every byte of every encoding as a server does', ({ skip }) => {
  if (server === undefined) return skip(withoutServers)
  // a byte that is no character is an error, which plpgsql takes for none
  server.ask([
    `CREATE OR REPLACE FUNCTION pgdmp_character(byte integer, encoding name) RETURNS text LANGUAGE plpgsql AS $$
     BEGIN RETURN encode(convert_to(convert_from(set_byte('\\x00', 0, byte), encoding), 'UTF8'), 'hex');
     EXCEPTION WHEN OTHERS THEN RETURN 'none'; END $$`,
  ])
  try {
    const all = convertedEncodings.map((name) => `('${name}')`).join(',')
    const answer = server.ask([
      `SELECT e, string_agg(pgdmp_character(b, e::name), ' ' ORDER BY b) FROM (VALUES ${all}) v (e), generate_series(1, 255) b
       GROUP BY e`,
    ])
    const expected = new Map(
      answer
        .trim()
        .split('\n')
        .map((line) => line.split('|') as [string, string]),
    )
    expect([...expected.keys()].sort()).toEqual([...convertedEncodings].sort())
    for (const encoding of convertedEncodings) {
      const convert = converterFrom(encoding)
      const found = Array.from({ length: 255 }, (_, at) => {
        try {
          return Buffer.from(convert?.(new Uint8Array([at + 1])) ?? []).toString('hex')
        } catch {
          return 'none'
        }
      })
      expect(`${encoding} ${found.join(' ')}`).toBe(`${encoding} ${expected.get(encoding)}`)
    }
  } finally {
    server.ask(['DROP FUNCTION pgdmp_character(integer, name)'])
  }
})
