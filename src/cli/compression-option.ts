import { ArchiveError, type Algorithm, type Compression } from '../index.ts'

const methods: readonly string[] = ['none', 'gzip', 'lz4', 'zstd'] satisfies readonly Algorithm[]

function isMethod(name: string): name is Algorithm {
  return methods.includes(name)
}

const truths: Readonly<Record<string, boolean>> = {
  '': true,
  on: true,
  true: true,
  yes: true,
  1: true,
  off: false,
  false: false,
  no: false,
  0: false,
}

/**
 * Reads a value of `-Z` as pg_dump does: `METHOD[:DETAIL]`, where DETAIL is a level, or `level=N` and `long`, with commas
 * between; a bare number is a level of gzip, 0 for none (parse_compress_options, parse_compress_specification).
 * @throws ArchiveError USAGE
 */
export function parseCompression(text: string): Compression {
  if (/^-?[0-9]+$/.test(text)) return text === '0' ? { method: 'none' } : { method: 'gzip', level: Number(text) }
  const colon = text.indexOf(':')
  const method = (colon < 0 ? text : text.slice(0, colon)).toLowerCase()
  if (!isMethod(method)) {
    throw wrong(text, `method "${method}" is not known`, 'Use none, gzip, lz4 or zstd')
  }
  if (colon < 0) return { method }
  let level: number | undefined
  let long: boolean | undefined
  for (const [at, item] of text
    .slice(colon + 1)
    .split(',')
    .entries()) {
    const [, name = '', value = ''] = /^([a-z]*)=?(.*)$/s.exec(item) ?? []
    const truth = truths[value.toLowerCase()]
    if (at === 0 && /^-?[0-9]+$/.test(item)) level = Number(item)
    else if (name === 'level' && /^-?[0-9]+$/.test(value)) level = Number(value)
    else if (name === 'long' && truth !== undefined) long = truth
    else throw wrong(text, `"${item}" is no detail of ${method}`, 'Write for example gzip:9, zstd:3,long or lz4')
  }
  return { method, ...(level === undefined ? {} : { level }), ...(long === undefined ? {} : { long }) }
}

function wrong(text: string, what: string, hint: string): ArchiveError {
  return new ArchiveError('USAGE', `-Z "${text}": ${what}`, { hint })
}
