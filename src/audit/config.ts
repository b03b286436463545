import { closest } from '../closest.ts'
import { ArchiveError } from '../errors.ts'
import { auditSeverities, type RuleSetting, type Suppression } from './options.ts'
import type { AuditSeverity } from './types.ts'

/** What a file `pgdmp.audit.json` says (spec/pgdmp.audit.schema.json). */
export interface AuditConfig {
  /** What is made of rules and categories, by name. */
  readonly rules: Readonly<Record<string, RuleSetting>>
  readonly ignore: readonly Suppression[]
  /** Take marks in the archive itself. */
  readonly inline: boolean
  /** From which severity on the command ends with status 1; undefined: its default. */
  readonly failOn: AuditSeverity | 'never' | undefined
  /** Modules with further rules, relative to the file. */
  readonly modules: readonly string[]
  /** Name of a target profile. */
  readonly target: string | undefined
}

const keys = ['$schema', 'rules', 'ignore', 'inline', 'failOn', 'modules', 'target']

/**
 * Reads a configuration. Whether there are rules of the names in it is for `audit` to say.
 *
 * @param text JSON
 * @param file its name, for messages
 * @throws ArchiveError BAD_CONFIG
 */
export function parseAuditConfig(text: string, file = 'pgdmp.audit.json'): AuditConfig {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ArchiveError('BAD_CONFIG', `Cannot read the configuration: it is no JSON: ${why}`, { file, cause: error })
  }
  const root = new Place(value, 'the configuration', file)
  root.keys(keys)
  if (!root.at('$schema').isAbsent) root.at('$schema').string()
  return {
    rules: Object.fromEntries(
      root
        .at('rules')
        .entries()
        .map(([name, place]) => [name, place.oneOf(['off', 'on', ...auditSeverities])]),
    ),
    ignore: root.at('ignore').items().map(suppression),
    inline: root.at('inline').boolean() ?? false,
    failOn: root.at('failOn').isAbsent
      ? undefined
      : root.at('failOn').oneOf<AuditSeverity | 'never'>([...auditSeverities, 'never']),
    modules: root
      .at('modules')
      .items()
      .map((place) => place.text()),
    target: root.at('target').isAbsent ? undefined : root.at('target').text(),
  }
}

function suppression(place: Place): Suppression {
  place.keys(['rule', 'object', 'type', 'reason'])
  const optional = (key: 'object' | 'type' | 'reason'): Partial<Suppression> =>
    place.at(key).isAbsent ? {} : { [key]: place.at(key).text() }
  return { rule: place.at('rule').text(), ...optional('object'), ...optional('type'), ...optional('reason') }
}

/** A value in a configuration, with the way to it. */
class Place {
  readonly #value: unknown
  readonly #path: string
  readonly #file: string

  constructor(value: unknown, path: string, file: string) {
    this.#value = value
    this.#path = path
    this.#file = file
  }

  get isAbsent(): boolean {
    return this.#value === undefined
  }

  at(key: string): Place {
    const object = this.#object()
    const value = Object.hasOwn(object, key) ? object[key] : undefined
    return new Place(value, `${this.#path === 'the configuration' ? '' : `${this.#path}.`}${key}`, this.#file)
  }

  keys(known: readonly string[]): void {
    for (const key of Object.keys(this.#object())) {
      if (known.includes(key)) continue
      const near = closest(key, known)
      const hint = near === undefined ? `It may have ${known.join(', ')}` : `Did you mean ${near}?`
      throw this.#wrong(`has an unknown key ${JSON.stringify(key)}`, hint)
    }
  }

  entries(): readonly (readonly [string, Place])[] {
    if (this.isAbsent) return []
    return Object.keys(this.#object()).map((key) => [key, this.at(key)])
  }

  items(): readonly Place[] {
    if (this.isAbsent) return []
    if (!Array.isArray(this.#value)) throw this.#wrong(`is ${shown(this.#value)}, must be a list`)
    return this.#value.map((item: unknown, index) => new Place(item, `${this.#path}[${index}]`, this.#file))
  }

  string(): string {
    if (typeof this.#value === 'string') return this.#value
    throw this.#wrong(`is ${shown(this.#value)}, must be a text`)
  }

  text(): string {
    if (typeof this.#value === 'string' && this.#value !== '') return this.#value
    throw this.#wrong(`is ${shown(this.#value)}, must be a text`)
  }

  boolean(): boolean | undefined {
    if (this.isAbsent || typeof this.#value === 'boolean') return this.#value as boolean | undefined
    throw this.#wrong(`is ${shown(this.#value)}, must be true or false`)
  }

  oneOf<T extends string>(values: readonly T[]): T {
    const found = values.find((value) => value === this.#value)
    if (found !== undefined) return found
    throw this.#wrong(`is ${shown(this.#value)}, must be one of ${values.join(', ')}`)
  }

  #object(): Readonly<Record<string, unknown>> {
    if (typeof this.#value === 'object' && this.#value !== null && !Array.isArray(this.#value)) {
      // keys of JSON are strings
      return this.#value as Readonly<Record<string, unknown>>
    }
    throw this.#wrong(`is ${shown(this.#value)}, must be an object`)
  }

  #wrong(what: string, hint?: string): ArchiveError {
    return new ArchiveError('BAD_CONFIG', `Cannot read the configuration: ${this.#path} ${what}`, {
      file: this.#file,
      hint: hint ?? 'spec/audit.md has an example',
    })
  }
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

/**
 * Fingerprints of all findings in what `pgdmp audit --format json` wrote: the baseline of the next audit.
 * @throws ArchiveError BAD_CONFIG
 */
export function parseAuditBaseline(text: string, file = 'baseline.json'): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if ('fingerprint' in value && 'rule' in value && typeof value.fingerprint === 'string') found.add(value.fingerprint)
    else if ('rule' in value && 'message' in value) throw notBaseline('a finding has no fingerprint', file)
    else for (const child of Object.values(value)) visit(child)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw notBaseline('it is no JSON', file, error)
  }
  if (typeof value !== 'object' || value === null || !('reports' in value) || !Array.isArray(value.reports)) {
    throw notBaseline('it has no reports', file)
  }
  for (const report of value.reports) {
    if (typeof report !== 'object' || report === null || !('findings' in report))
      throw notBaseline('it has no findings', file)
    visit(report.findings)
    // what was suppressed by the last baseline is as old
    if ('suppressed' in report) visit(report.suppressed)
  }
  return found
}

function notBaseline(why: string, file: string, cause?: unknown): ArchiveError {
  return new ArchiveError('BAD_CONFIG', `Cannot read the baseline: ${why}`, {
    file,
    cause,
    hint: 'Write one with pgdmp audit --format json',
  })
}
