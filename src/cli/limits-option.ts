import {
  ArchiveError,
  closest,
  defaultLimits,
  limitOption,
  limitPresets,
  type LimitPreset,
  type Limits,
} from '../index.ts'
import type { CommandLine, OwnOptionId } from './command-line.ts'

/** Options about limits, the same for every command that reads an archive. */
export const limitOptions = ['limits', 'limit'] as const satisfies readonly OwnOptionId[]

/** The names of all limits by their option. */
const limitsByOption: ReadonlyMap<string, keyof Limits> = new Map(
  // Object.keys widens the keys of a table whose keys are exactly those of Limits.
  (Object.keys(defaultLimits) as (keyof Limits)[]).map((limit) => [limitOption(limit), limit]),
)

/** What --help says of them. */
export const limitsHelp = `      --limits=PRESET          bounds on what an archive may ask for: default,
                               strict (input from strangers) or none
      --limit=NAME=VALUE       one of them, such as entry-bytes=10GB, or none; again
                               for others: toc-entries, toc-bytes, string-bytes,
                               dependencies, row-bytes, fields-per-row,
                               file-name-bytes, entry-bytes, expansion-ratio,
                               zstd-window, spool-bytes, spool-percent`

/** The limits of a command line. @throws ArchiveError USAGE */
export function limitsFrom(line: CommandLine): Limits {
  const changes = new Map<keyof Limits, number>()
  for (const text of line.own('limit')) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? []
    changes.set(limitNamed(text, name), valueOf(text, value))
  }
  return { ...presetNamed(line.own('limits').at(-1)), ...Object.fromEntries(changes) }
}

function presetNamed(preset = 'default'): Limits {
  if (isPreset(preset)) return limitPresets[preset]
  throw new ArchiveError('USAGE', `--limits: "${preset}" is not known`, { hint: 'Use "default", "strict" or "none"' })
}

function isPreset(preset: string): preset is LimitPreset {
  return Object.hasOwn(limitPresets, preset)
}

function limitNamed(text: string, name: string): keyof Limits {
  const limit = limitsByOption.get(name)
  if (limit !== undefined) return limit
  const names = [...limitsByOption.keys()]
  const near = closest(name, names)
  throw new ArchiveError('USAGE', `--limit: "${text}" names no limit`, {
    hint: near === undefined ? `Write NAME=VALUE, NAME being one of ${names.join(', ')}` : `Did you mean "${near}"?`,
  })
}

const units: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

function valueOf(text: string, value: string): number {
  if (value === 'none') return Infinity
  const match = /^(\d+)\s*(?:([kmgt])(?:i?b)?)?$/i.exec(value.trim())
  const number = Number(match?.[1]) * (units[match?.[2]?.toLowerCase() ?? ''] ?? 1)
  if (Number.isSafeInteger(number)) return number
  throw new ArchiveError('USAGE', `--limit: the value of "${text}" is no number`, {
    hint: 'Write for example 200000, 64KB, 16MB, 2GB or none',
  })
}
