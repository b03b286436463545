import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture } from '../helpers/corpus.ts'
import { cli, root } from '../helpers/paths.ts'
import { run, type Outcome } from '../helpers/process.ts'

const full = fixture('18/full-Fc.dump').file
const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-audit-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const audit = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> =>
  run(process.execPath, [cli, 'audit', ...args], { cwd: scratch, env })

const key = 'table-without-primary-key'
const only = ['--rule=security=off', '--rule=restorability=off', '--rule=hygiene=off']

function file(name: string, content: unknown): string {
  const path = join(scratch, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

interface JsonReport {
  readonly reports: readonly {
    readonly path: string
    readonly findings: readonly { readonly rule: string; readonly fingerprint: string; readonly object: string }[]
    readonly suppressed: readonly { readonly by: string }[]
    readonly counts: Readonly<Record<string, number>>
    readonly inventory: { readonly tables: readonly { readonly storedBytes: number | null }[] }
  }[]
}

async function asJson(args: readonly string[]): Promise<JsonReport> {
  const outcome = await audit(['--format=json', '--fail-on=never', ...args])
  expect(outcome.stderr).toBe('')
  return JSON.parse(outcome.stdout.toString())
}

describe('exit status of pgdmp audit', () => {
  test.each([
    ['error', 'error', 1],
    ['warning', 'error', 0],
    ['warning', 'warning', 1],
    ['info', 'info', 1],
    ['error', 'never', 0],
  ])('findings of %s, --fail-on=%s', async (severity, limit, status) => {
    const outcome = await audit([...only, `--rule=${key}=${severity}`, `--fail-on=${limit}`, full])
    expect(outcome.stderr).toBe('')
    expect(outcome.status).toBe(status)
  })

  test('is 3 for what cannot be read, and the others are audited', async () => {
    const broken = file('broken.dump', 'PGDMP')
    const outcome = await audit([...only, broken, full])
    expect(outcome.status).toBe(3)
    expect(outcome.stderr).toMatch(/broken\.dump: Cannot read/)
    expect(outcome.stdout.toString()).toMatch(/full-Fc\.dump: \d+ entries/)
  })

  test.each([['--roles-sql'], ['--post-restore'], ['--post-restore', '--data'], ['--data']])(
    'is 3 for what cannot be read, with %s',
    async (...args) => {
      const output = join(scratch, 'script.sql')
      const outcome = await audit([
        ...args,
        ...(args.includes('--data') ? [] : ['-f', output]),
        file('cut.dump', 'PGDMP'),
      ])
      expect(outcome.stderr).toMatch(/cut\.dump: Cannot read/)
      expect(outcome.status).toBe(3)
      expect(existsSync(output)).toBe(false)
    },
  )

  test('is 3 when something else fails with one archive, and the others are reported', async () => {
    const rules = file(
      'fails.mjs',
      `export const rules = [{
        id: 'fails-once', severity: 'info', category: 'hygiene', message: 'Fails', explanation: 'Fails.', fix: 'None.', links: [],
        check({ catalog }) { if (catalog.tables.length > 20) throw new RangeError('Too much for this rule') },
      }]`,
    )
    const outcome = await audit([
      ...only,
      '--rule=fails-once=on',
      '--rules',
      rules,
      full,
      fixture('18/latin1-Fc.dump').file,
    ])
    expect(outcome.stderr).toMatch(/full-Fc\.dump: The rule fails-once fails: Too much for this rule/)
    expect(outcome.stdout.toString()).toMatch(/latin1-Fc\.dump: \d+ entries/)
    expect(outcome.status).toBe(3)
  })

  test.each([
    [['--target=nowhere'], /nowhere/],
    [['--roles-sql', '--post-restore'], /ask for one at a time/],
    [['--roles-sql', full], /takes one archive/],
    [['--data', '--key-memory=much'], /--key-memory/],
    [['--format=xml'], /--format: "xml" is none of/],
    [['--fail-on=off'], /--fail-on: "off" is none of/],
    [['--rule=hygeine=off'], /no rule or category "hygeine"\. Did you mean hygiene\?/],
    [['--rule=hygiene'], /is not NAME=SETTING/],
    [['--baseline=/nowhere.json'], /Cannot read baseline/],
    [['--rules=/nowhere.mjs'], /Cannot load rules/],
    [['--colour'], /unrecognized option/],
  ])('is 2 for %j', async (args, message) => {
    const outcome = await audit([...args, full])
    expect(outcome.stderr).toMatch(message)
    expect(outcome.status).toBe(2)
    expect(outcome.stdout.toString()).toBe('')
  })
})

describe('pgdmp audit', () => {
  test('prints no control character of a name, and no colour to a file or pipe', async () => {
    for (const format of ['text', 'markdown']) {
      const { stdout } = await audit([`--format=${format}`, '--all', '--inventory', full], { FORCE_COLOR: '1' })
      expect(stdout.toString()).toContain('new\\x0aline')
      expect(stdout.toString().replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
    }
  })

  test('reports only what a baseline does not have', async () => {
    const first = await asJson([...only, `--rule=${key}=on`, full])
    const findings = first.reports[0]?.findings ?? []
    expect(findings.length).toBeGreaterThan(10)
    const baseline = file('baseline.json', {
      ...first,
      reports: [{ findings: findings.slice(3) }],
    })
    const second = await asJson([...only, `--rule=${key}=on`, `--baseline=${baseline}`, full])
    expect(second.reports[0]?.findings).toEqual(findings.slice(0, 3))
    expect(second.reports[0]?.suppressed.every(({ by }) => by === 'baseline')).toBe(true)
  })

  test('takes settings from pgdmp.audit.json of the folder, says so, and does without it when told', async () => {
    const config = file('pgdmp.audit.json', {
      rules: { security: 'off', restorability: 'off', hygiene: 'off', [key]: 'error' },
      ignore: [{ rule: key, object: 'plain.*', reason: 'odd on purpose' }],
      failOn: 'error',
    })
    try {
      const outcome = await audit(['--format=json', full])
      expect(outcome.stderr).toMatch(/note: pgdmp\.audit\.json of this folder counts/)
      expect(outcome.status).toBe(1)
      const [report] = (JSON.parse(outcome.stdout.toString()) as JsonReport).reports
      expect(report?.findings.every(({ rule, object }) => rule === key && !object.startsWith('plain.'))).toBe(true)
      expect(report?.suppressed[0]).toMatchObject({ by: 'options', reason: 'odd on purpose' })
      expect((await audit(['--no-config', ...only, full])).stderr).toBe('')
    } finally {
      rmSync(config)
    }
  })

  test('takes settings of the command line before those of the file', async () => {
    const config = `--config=${file('graded.json', { rules: { [key]: 'error' } })}`
    const counted = async (...args: readonly string[]) =>
      (await asJson([config, '--rule=security=off', '--rule=restorability=off', ...args, full])).reports[0]?.counts
    expect((await counted())?.['error']).toBeGreaterThan(10)
    expect(await counted('--rule=hygiene=off')).toMatchObject({ error: 0, info: 0 })
    expect((await counted('--rule=hygiene=off', `--rule=${key}=info`))?.['info']).toBeGreaterThan(10)
  })

  test('takes the target from the configuration, and from the command line before it', async () => {
    const config = file('target.json', {
      target: 'rds',
      rules: { security: 'off', hygiene: 'off', restorability: 'off' },
    })
    const targetOf = async (...args: readonly string[]): Promise<readonly [unknown, number]> => {
      const { stdout } = await audit(['--format=json', `--config=${config}`, ...args, full])
      const [report] = JSON.parse(stdout.toString()).reports
      return [report.target, report.findings.filter(({ rule }: { rule: string }) => rule.startsWith('target-')).length]
    }
    const [target, findings] = await targetOf()
    expect(target).toBe('rds')
    expect(findings).toBeGreaterThan(5)
    expect((await targetOf('--target=postgres:18'))[0]).toBe('postgres:18')
    const wrong = await audit([`--config=${file('wrong.json', { target: 'rdss' })}`, full])
    expect(wrong.stderr).toMatch(/rdss/)
    expect(wrong.status).toBe(2)
  })

  test('reads the rows with --data, and counts them', async () => {
    const fit = join(root, 'test/fixtures/audit-fit/fit-18.dump')
    const outcome = await audit(['--format=json', '--data', fit])
    expect([outcome.stderr, outcome.status]).toEqual(['', 1])
    const [{ findings, inventory }] = JSON.parse(outcome.stdout.toString()).reports
    expect(findings.map(({ rule }: { rule: string }) => rule)).toContain('data-foreign-key-violation')
    const rows = inventory.tables.map(({ name, rows: count }: { name: string; rows: number }) => [name, count])
    expect(Object.fromEntries(rows)).toMatchObject({ parent: 50, child: 21, bare: 0 })
    const little = await audit(['--format=json', '--data', '--key-memory=1', '--fail-on=never', fit])
    expect(little.stdout.toString()).toContain('the keys do not fit in the memory that was granted')
  })

  test('writes scripts with --roles-sql and --post-restore', async () => {
    const roles = await audit(['--roles-sql', full])
    expect([roles.stderr, roles.status]).toEqual(['', 0])
    expect(roles.stdout.toString()).toContain('CREATE ROLE alice')
    expect(roles.stdout.toString()).not.toContain('TO CURRENT_USER')
    // who is no superuser gives objects only to roles of which he is a member
    const owner = await audit(['--roles-sql', '--target=postgres:18:owner', full])
    expect(owner.stdout.toString()).toContain('GRANT alice TO CURRENT_USER')
    const fit = join(root, 'test/fixtures/audit-fit/fit-18.dump')
    const after = await audit(['--post-restore', fit])
    expect([after.stderr, after.status]).toEqual(['', 0])
    expect(after.stdout.toString()).toContain('ANALYZE')
    expect(after.stdout.toString()).not.toContain('50')
    const counted = await audit(['--post-restore', '--data', fit])
    expect(counted.stdout.toString()).toContain('50')
  })

  test('convert --for adapts an archive, and the audit for the same target finds less', async () => {
    const fit = join(root, 'test/fixtures/audit-fit/fit-18.dump')
    const there = join(scratch, 'adapted.dump')
    const outcome = await run(process.execPath, [cli, 'convert', '--for=supabase', fit, there], { cwd: scratch })
    // what the target refuses stays, and is told
    expect(outcome.status).toBe(1)
    expect(outcome.stderr).toContain('app.from_library(integer)')
    const count = async (archive: string, rule: string): Promise<number> => {
      const { reports } = await asJson(['--target=supabase', archive])
      return reports[0]?.findings.filter((one) => one.rule === rule).length ?? -1
    }
    expect([await count(fit, 'target-tablespace'), await count(there, 'target-tablespace')]).toEqual([1, 0])
    const unknown = await run(process.execPath, [cli, 'convert', '--for=nowhere', fit, `${there}.2`], { cwd: scratch })
    expect(unknown.status).toBe(2)
  })

  test('loads rules of a module', async () => {
    const { reports } = await asJson([...only, '--rules', join(root, 'examples/audit-rules.mjs'), full])
    // the category is switched off, and so is the rule in it
    expect(reports[0]?.findings).toEqual([])
    const on = [...only, '--rule=house-table-without-comment=warning']
    const some = await asJson([...on, '--rules', join(root, 'examples/audit-rules.mjs'), full])
    expect(some.reports[0]?.counts['warning']).toBeGreaterThan(10)
  })

  test('tells the sizes of tables', async () => {
    const { reports } = await asJson([...only, full])
    const sizes = reports[0]?.inventory.tables.map(({ storedBytes }) => storedBytes) ?? []
    expect(sizes.length).toBeGreaterThan(30)
    expect(sizes).toEqual(sizes.toSorted((a, b) => (b ?? 0) - (a ?? 0)))
    expect(sizes[0]).toBeGreaterThan(10_000)
  })

  test('writes one object a line as NDJSON, a summary at the end', async () => {
    const { stdout } = await audit(['--format=ndjson', '--fail-on=never', full])
    const lines = stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.length).toBeGreaterThan(10)
    expect(lines.at(-1).summary.counts.error).toBe(lines.filter(({ severity }) => severity === 'error').length)
  })

  test('reads standard input', async () => {
    const outcome = await run(process.execPath, [cli, 'audit', '--fail-on=never', '-'], {
      cwd: scratch,
      stdin: readFileSync(full),
    })
    expect(outcome.stdout.toString()).toMatch(/^standard input: \d+ entries/)
    expect(outcome.status).toBe(0)
  })

  test('lists its rules as in spec/audit-rules.md', async () => {
    const { stdout } = await audit(['--list-rules'])
    expect(stdout.toString()).toBe(readFileSync(join(root, 'spec/audit-rules.md'), 'utf8'))
  })
})

describe('SARIF', () => {
  const require = createRequire(import.meta.url)
  const folder = join(require.resolve('@microsoft/jest-sarif'), '..')
  const schema = JSON.parse(readFileSync(join(folder, 'schemas/sarif-2.1.0-rtm.5.json'), 'utf8'))

  test('validates against the schema of SARIF 2.1.0', async () => {
    const config = file('suppress.json', { ignore: [{ rule: key, reason: 'known' }] })
    const { stdout } = await audit(['--format=sarif', `--config=${config}`, full, full])
    const log = JSON.parse(stdout.toString())
    // the schema is of draft 4, whose own words for ids the validator does not take
    const { id: _, $schema: __, ...rest } = schema
    const validate = new Ajv2020({
      strict: false,
      validateFormats: false,
      unicodeRegExp: false,
      logger: false,
    }).compile(rest)
    validate(log)
    expect(validate.errors ?? []).toEqual([])
    expect(log.runs).toHaveLength(2)
    const [{ results, tool }] = log.runs
    expect(results.length).toBeGreaterThan(20)
    for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex].id).toBe(ruleId)
    const suppressed = results.filter(({ suppressions }: { suppressions: unknown[] }) => suppressions.length > 0)
    expect(suppressed.length).toBeGreaterThan(10)
    // of a run all results have a list of them, or none (3.27.23)
    expect(results.length).toBeGreaterThan(suppressed.length)
    // and the validator does look: a level that there is not is refused
    results[0].level = 'fatal'
    expect(validate(log)).toBe(false)
  })
})

test('spec/pgdmp.audit.schema.json takes what parseAuditConfig() takes, and nothing else', async () => {
  const { parseAuditConfig } = await import('../../src/audit/config.ts')
  const fits = new Ajv2020().compile(JSON.parse(readFileSync(join(root, 'spec/pgdmp.audit.schema.json'), 'utf8')))
  const samples: readonly unknown[] = [
    {},
    { $schema: 'x', rules: { a: 'off' }, ignore: [{ rule: '*', object: 'a', type: 'T', reason: 'r' }] },
    { inline: true, failOn: 'never', modules: ['a'], target: 'rds' },
    [],
    { rules: { a: 'loud' } },
    { rules: [] },
    { ignore: [{}] },
    { ignore: [{ rule: '' }] },
    { ignore: [{ rule: 'a', objekt: 'b' }] },
    { inline: 1 },
    { failOn: 'off' },
    { modules: [''] },
    { $schema: 1 },
    { other: 1 },
  ]
  const reads = (value: unknown): boolean => {
    try {
      parseAuditConfig(JSON.stringify(value))
      return true
    } catch {
      return false
    }
  }
  expect(samples.map((value) => fits(value))).toEqual(samples.map(reads))
  expect(samples.filter(reads)).toHaveLength(3)
})
