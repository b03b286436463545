import { describe, expect, it } from 'vitest'
import { secretsIn } from '../../../src/audit/secrets.ts'

const found = (text: string): readonly string[] =>
  secretsIn(text, { lexer: {}, decode: (name) => Buffer.from(name, 'latin1').toString() }).map(({ shown }) => shown)

describe('secretsIn()', () => {
  it.each([
    ["SELECT dblink_connect('host=h user=u password=''s3cret9''')", 'password'],
    ["SELECT dblink_connect('host=h;user=u;pwd=''s3cret9''')", 'pwd'],
    ["SELECT dblink_connect('host=h user=u application_name=''x'' password=s3cret9')", 'password'],
    ["SELECT dblink_connect(E'host=h user=u password=\\'s3cret9\\'')", 'password'],
    ["SELECT f($$SELECT dblink_connect('host=h user=u password=''s3cret9''')$$)", 'password'],
    ["DO $$BEGIN EXECUTE 'SELECT x(''https://u:s3cret9@h/'')'; END$$", 'a password in a URL'],
    ["CREATE FUNCTION f() AS 'DECLARE auth_token text := ''s3cret9''; BEGIN END'", "auth_token '****'"],
    ["COMMENT ON TABLE t IS 'it''s a note; password: s3cret9'", 'password'],
  ])('finds the secret of %s, and does not show it', (text, shown) => {
    expect(found(text)).toEqual([expect.stringContaining(shown)])
    expect(found(text).join()).not.toContain('s3cret9')
  })

  it.each([
    "CREATE FUNCTION f(password text) LANGUAGE sql AS $$ SELECT password = 'x' || name FROM account $$",
    "CREATE FUNCTION f() AS $$BEGIN UPDATE u SET password = crypt(p_password, gen_salt('bf')) WHERE user_id = 1; END$$",
    "EXECUTE 'UPDATE users SET password = md5(''x'' || $1)'",
    "SELECT dblink_connect('host=h user=u password=''''')",
  ])('finds none in %s', (text) => {
    expect(found(text)).toEqual([])
  })

  it('shows names as text', () => {
    const name = Buffer.from('"schlüssel_password"').toString('latin1')
    expect(found(`ALTER TABLE t ALTER ${name} SET DEFAULT 's3cret9'`)).toEqual(["schlüssel_password '****'"])
  })

  it('says where a secret is', () => {
    const text = "SELECT f($$SELECT password, 'AKIAABCDEFGHIJKLMNOP'$$)"
    expect(secretsIn(text, { lexer: {}, decode: String })).toEqual([
      { shown: 'AWS access key', position: text.indexOf('AKIA') },
    ])
  })

  it('looks for tokens in time linear in the length of a text', () => {
    const start = performance.now()
    expect(found(`SELECT '${'eyJ-'.repeat(60_000)}'`)).toEqual([])
    // half a minute where each beginning is followed to the end
    expect(performance.now() - start).toBeLessThan(5_000)
    expect(found("SELECT 'Bearer eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abcdefghijkl'")).toEqual(['JSON web token'])
  })
})
