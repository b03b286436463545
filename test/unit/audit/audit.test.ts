import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { audit } from '../../../src/audit/audit.ts'
import { parseAuditBaseline, parseAuditConfig } from '../../../src/audit/config.ts'
import { auditMarkdown } from '../../../src/audit/markdown.ts'
import { auditSarif } from '../../../src/audit/sarif.ts'
import { auditRules } from '../../../src/audit/registry.ts'
import { auditRulesMarkdown } from '../../../src/audit/rules-document.ts'
import type { AuditRule } from '../../../src/audit/types.ts'
import { entryOf, viewOf, type EntryFields } from '../../helpers/entries.ts'
import { root } from '../../helpers/paths.ts'

/** A rule that finds every table. */
const everyTable: AuditRule = {
  id: 'every-table',
  severity: 'warning',
  category: 'hygiene',
  message: 'There is a table',
  explanation: 'Tables are there.',
  fix: 'None.',
  links: [],
  check({ catalog, report }) {
    for (const { entry, name } of catalog.tables) report({ entry, message: `${name} is a table` })
  },
}

const off = { security: 'off', restorability: 'off', hygiene: 'off', 'every-table': 'on' } as const

function tables(...names: readonly string[]): EntryFields[] {
  return names.map((tag) => ({ tag, defn: `CREATE TABLE public.${tag} (\n    a integer\n);\n` }))
}

const view = (fields: readonly EntryFields[]) => viewOf(fields.map((one, index) => entryOf(index + 1, one)))

describe('audit()', () => {
  test('applies rules of the caller', async () => {
    const report = await audit(view(tables('a', 'b')), { rules: [everyTable], settings: off })
    expect(report.findings).toMatchObject([
      { rule: 'every-table', severity: 'warning', dumpId: 1, desc: 'TABLE', object: 'public.a', fix: 'None.' },
      { dumpId: 2, object: 'public.b' },
    ])
    expect(report.counts).toEqual({ error: 0, warning: 2, notice: 0, info: 0 })
    expect(report.rules.map(({ id }) => id)).toEqual(['every-table'])
  })

  test('re-grades rules, the rule before its category', async () => {
    const settings = { ...off, hygiene: 'info', 'every-table': 'error' } as const
    const { findings, rules } = await audit(view(tables('a')), { rules: [everyTable], settings })
    expect(findings.filter(({ rule }) => rule === 'every-table')).toMatchObject([{ severity: 'error' }])
    expect(rules.find(({ id }) => id === 'every-table')?.severity).toBe('error')
    expect(rules.find(({ id }) => id === 'table-without-primary-key')?.severity).toBe('info')
  })

  test.each([
    [{ settings: { 'no-such-rule': 'off' } }, /no rule or category "no-such-rule"/],
    [{ settings: { 'every-tabel': 'off' } }, /no rule or category "every-tabel"/],
    [{ settings: { hygiene: 'loud' } }, /hygiene is set to "loud"/],
    [{ rules: [everyTable, everyTable] }, /two rules "every-table"/],
    [{ rules: [{ ...everyTable, id: 'Every Table' }] }, /"Every Table" is no id of a rule/],
    [{ rules: [{ ...everyTable, id: undefined }] }, /missing is no id of a rule/],
    [{ rules: [{ ...everyTable, severity: 'fatal' }] }, /severity of the rule every-table is "fatal", must be one of/],
    [{ rules: [{ ...everyTable, category: 'mine' }] }, /category of the rule every-table is "mine"/],
    [{ rules: [{ ...everyTable, links: undefined }] }, /links of the rule every-table is missing, must be an array/],
    [{ rules: [{ ...everyTable, check: undefined }] }, /the rule every-table has neither check nor definition/],
    [{ rules: [{ ...everyTable, check: async () => await Promise.reject(new Error('late')) }] }, /gives a promise/],
    [{ suppressions: [{ rule: 'no-such-rule' }] }, /no rule "no-such-rule" to ignore/],
    [{ rule: [] }, /no option "rule"/],
  ])('refuses %o', async (options, message) => {
    // what a caller in JavaScript may pass
    const audited = audit(view([]), { rules: [everyTable], ...(options as object) })
    await expect(audited).rejects.toMatchObject({ code: 'USAGE', message: expect.stringMatching(message) })
  })

  test.each([
    [
      () => {
        throw new Error('boom')
      },
      'The rule every-table fails: boom',
    ],
    [{}, 'The rule every-table reports the message missing, must be a text'],
    [{ message: 5 }, 'The rule every-table reports the message 5, must be a text'],
    [{ message: 'x', severity: 'fatal' }, 'The rule every-table reports the severity "fatal", must be one of error'],
    [{ message: 'x', object: 7 }, 'The rule every-table reports the object 7, must be a text'],
    [undefined, 'The rule every-table reports missing, must report an object'],
  ])('says which rule fails, and how: %o', async (said, message) => {
    const rule: AuditRule = {
      ...everyTable,
      // what a rule in JavaScript may do
      check: ({ report }) => void (typeof said === 'function' ? said() : report(said as never)),
    }
    await expect(audit(view([]), { rules: [rule], settings: off })).rejects.toMatchObject({
      code: 'RULE_FAILED',
      message: expect.stringContaining(message),
    })
  })

  test('says which suppressions fit nothing, of rules that were applied', async () => {
    const used = { rule: 'every-table', object: 'public.a' }
    const unused = { rule: 'every-table', object: 'public.b' }
    const suppressions = [used, unused, { rule: 'function-in-c' }]
    const report = await audit(view(tables('a')), { rules: [everyTable], settings: off, suppressions })
    expect(report.unusedSuppressions).toEqual([unused])
  })

  test('takes a mark in the comment of a table for its privileges, too', async () => {
    const acl = { desc: 'ACL', tag: 'TABLE a', dependencies: [1], defn: 'GRANT ALL ON TABLE public.a TO PUBLIC;\n' }
    const mark = "COMMENT ON TABLE public.a IS 'pgdmp-audit: ignore grant-on-table-to-public';\n"
    const comment = { desc: 'COMMENT', tag: 'TABLE a', dependencies: [1], defn: mark }
    const settings = { ...off, 'grant-on-table-to-public': 'on' } as const
    const rules = [everyTable]
    const entries = view([...tables('a', 'b'), acl, { ...acl, tag: 'TABLE b', dependencies: [2] }, comment])
    const { findings } = await audit(entries, { rules, settings: { ...settings, 'every-table': 'off' }, inline: true })
    expect(findings.map(({ dumpId }) => dumpId)).toEqual([4])
  })

  test('suppresses by rule, object pattern and type, with the reason', async () => {
    const suppressions = [
      { rule: 'every-table', object: 'public.log_*_old', reason: 'on purpose' },
      { rule: '*', object: 'public.c', type: 'TABLE' },
      { rule: 'every-table', object: 'public.d', type: 'VIEW' },
    ]
    const report = await audit(view(tables('log_1_old', 'log_old', 'c', 'd')), {
      rules: [everyTable],
      settings: off,
      suppressions,
    })
    expect(report.findings.map(({ object }) => object)).toEqual(['public.log_old', 'public.d'])
    expect(report.suppressed).toMatchObject([
      { by: 'options', reason: 'on purpose', finding: { object: 'public.log_1_old' } },
      { by: 'options', reason: undefined, finding: { object: 'public.c' } },
    ])
  })

  test('takes marks in the archive only where it is told to', async () => {
    const entries = view([
      ...tables('a', 'b', 'c'),
      {
        desc: 'COMMENT',
        tag: 'TABLE a',
        dependencies: [1],
        defn: "COMMENT ON TABLE public.a IS 'A. pgdmp-audit: ignore other-rule, every-table -- known';\n",
      },
      {
        desc: 'COMMENT',
        tag: 'TABLE b',
        dependencies: [2],
        defn: "COMMENT ON TABLE public.b IS 'pgdmp-audit: ignore other-rule';\n",
      },
    ])
    const options = { rules: [everyTable], settings: off }
    expect((await audit(entries, options)).findings).toHaveLength(3)
    const { findings, suppressed } = await audit(entries, { ...options, inline: true })
    expect(findings.map(({ object }) => object)).toEqual(['public.b', 'public.c'])
    expect(suppressed).toMatchObject([{ by: 'archive', reason: 'known', finding: { object: 'public.a' } }])
  })

  test('knows findings again by fingerprint, whatever the dump ids', async () => {
    const options = { rules: [everyTable], settings: off }
    const before = await audit(view(tables('a', 'b')), options)
    const baseline = parseAuditBaseline(JSON.stringify({ audit: 1, reports: [before] }))
    const after = await audit(view(tables('c', 'b', 'a')), { ...options, baseline })
    expect(after.findings.map(({ object }) => object)).toEqual(['public.c'])
    expect(after.suppressed.map(({ by }) => by)).toEqual(['baseline', 'baseline'])
  })

  test('gives two findings of one rule and object two fingerprints', async () => {
    const twice: AuditRule = {
      ...everyTable,
      check: ({ catalog, report }) => {
        for (const { entry } of catalog.tables) for (const message of ['one', 'two']) report({ entry, message })
      },
    }
    const { findings } = await audit(view(tables('a')), { rules: [twice], settings: off })
    expect(new Set(findings.map(({ fingerprint }) => fingerprint)).size).toBe(2)
  })

  test('counts what the archive has', async () => {
    const acl = 'REVOKE ALL ON TABLE public.a FROM bob;\nGRANT SELECT,INSERT ON TABLE public.a TO PUBLIC;\n'
    const entries = view([
      ...tables('a', 'b'),
      { desc: 'TABLE DATA', tag: 'a', defn: '' },
      { desc: 'ACL', tag: 'TABLE a', defn: `GRANT ALL ON TABLE public.a TO bob;\n${acl}` },
    ])
    const { inventory } = await audit(entries, { settings: off, rules: [everyTable], storedBytes: new Map([[3, 77]]) })
    expect(inventory).toMatchObject({
      types: [{ type: 'TABLE', objects: 2 }],
      schemas: [{ schema: 'public', objects: 2 }],
      owners: [{ owner: 'postgres', objects: 2 }],
      tables: [{ name: 'a', storedBytes: 77, rows: null }],
      privileges: [{ role: 'PUBLIC', type: 'TABLE', privileges: ['SELECT', 'INSERT'] }],
    })
    expect(inventory.roles.find(({ name }) => name === 'PUBLIC')?.may).toEqual([
      { privilege: 'SELECT', type: 'TABLE', objects: 1 },
      { privilege: 'INSERT', type: 'TABLE', objects: 1 },
    ])
  })
})

describe('auditMarkdown()', () => {
  test('lets names be nothing but names', async () => {
    const nasty = '</td><script>alert(1)</script> | [x](http://evil) ![i](u)\n# h `c` \u202e'
    const report = await audit(view([{ tag: nasty, defn: 'CREATE TABLE public.x (a integer);\n' }]), {
      settings: off,
      rules: [
        {
          ...everyTable,
          check: ({ catalog, report: tell }) => {
            for (const { entry } of catalog.tables) tell({ entry, message: entry.tag ?? '' })
          },
        },
      ],
    })
    const text = auditMarkdown([{ path: 'a`b.dump', report }])
    expect(text).toContain('`` a`b.dump ``')
    const line = text.split('\n').find((one) => one.includes('script')) ?? ''
    // outside of code nothing is left that begins markup
    const plain = line.replaceAll(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, '')
    expect(plain).not.toMatch(/<|(?<!\\)[[\]|`]|http:|\u202e/)
  })
})

describe('auditSarif()', () => {
  test('lets names be nothing but names', async () => {
    const nasty = '[here](http://evil) \\[x] \u202eline\nbreak'
    const report = await audit(view([{ tag: nasty, defn: 'CREATE TABLE public.x (a integer);\n' }, ...tables('b')]), {
      settings: off,
      suppressions: [{ rule: '*', object: 'public.b', reason: 'why\u202e\n' }],
      rules: [
        {
          ...everyTable,
          check: ({ catalog, report: tell }) => {
            for (const { entry } of catalog.tables) tell({ entry, message: entry.tag ?? '' })
          },
        },
      ],
    })
    const [{ results }] = (auditSarif([{ path: 'a.dump', report }]) as { runs: [{ results: object[] }] }).runs
    expect(results[0]).toMatchObject({
      message: { text: String.raw`\[here\](http://evil) \\\[x\] \\u202eline\\x0abreak. None.` },
      locations: [
        {
          logicalLocations: [{ fullyQualifiedName: String.raw`public."[here](http://evil) \[x] \u202eline\x0abreak"` }],
        },
      ],
    })
    expect(results[1]).toMatchObject({ suppressions: [{ justification: String.raw`why\u202e\x0a` }] })
  })
})

describe('parseAuditConfig()', () => {
  test('reads everything that there is', () => {
    const text = JSON.stringify({
      $schema: 'x',
      rules: { hygiene: 'off' },
      ignore: [{ rule: '*', object: 'a', type: 'TABLE', reason: 'r' }],
      inline: true,
      failOn: 'never',
      modules: ['./a.mjs'],
      target: 'rds',
    })
    expect(parseAuditConfig(text)).toEqual({
      rules: { hygiene: 'off' },
      ignore: [{ rule: '*', object: 'a', type: 'TABLE', reason: 'r' }],
      inline: true,
      failOn: 'never',
      modules: ['./a.mjs'],
      target: 'rds',
    })
  })

  test.each([
    ['{', /is no JSON/],
    ['[]', /the configuration is \[\], must be an object/],
    ['{"rulez":{}}', /unknown key "rulez"/],
    ['{"rules":{"a":"loud"}}', /rules\.a is "loud", must be one of off, on, error/],
    ['{"ignore":{}}', /ignore is \{\}, must be a list/],
    ['{"ignore":[{}]}', /ignore\[0\]\.rule is missing, must be a text/],
    ['{"ignore":[{"rule":"a","objekt":"b"}]}', /ignore\[0\] has an unknown key "objekt"/],
    ['{"inline":1}', /inline is 1, must be true or false/],
    ['{"failOn":"off"}', /failOn is "off"/],
  ])('refuses %s', (text, message) => {
    expect(() => parseAuditConfig(text)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }))
    expect(() => parseAuditConfig(text)).toThrow(message)
  })
})

describe('parseAuditBaseline()', () => {
  test.each(['', '[]', '{"reports":1}', '{"reports":[1]}', '{"reports":[{"findings":[{"rule":"a","message":"b"}]}]}'])(
    'refuses %j',
    (text) => {
      expect(() => parseAuditBaseline(text)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }))
    },
  )
})

describe('the rules', () => {
  test('are described in spec/audit-rules.md as they are', () => {
    expect(readFileSync(join(root, 'spec/audit-rules.md'), 'utf8')).toBe(auditRulesMarkdown(auditRules))
  })

  test.each(auditRules.map((rule) => [rule.id, rule] as const))('%s says all that it must', (id, rule) => {
    expect(id).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
    expect(rule.message).toMatch(/^[A-Z"\\].*[^.]$|^(psql|pg_restore) .*[^.]$/)
    expect(rule.explanation).toMatch(/\.$/)
    expect(rule.fix).toMatch(/\.$/)
    expect(rule.links.length).toBeGreaterThan(0)
    for (const link of rule.links) expect(link).toMatch(/^https:\/\//)
    expect(rule.check ?? rule.definition).toBeDefined()
  })
})
