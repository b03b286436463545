import type { CompatRules } from './compat.ts'
import { quotedKeywords } from './keywords.ts'
import { charLength, invalidSequence, isValidChar } from './multibyte.ts'

/** What quoting depends on; all text is byte strings. */
export interface QuoteRules {
  /** Names that need quotes although their letters do not ask for it. */
  readonly keywords: ReadonlyMap<string, unknown>
  /** Encoding of names: the archive's, UTF8 when the archive does not say. */
  readonly nameEncoding: string
  /** Encoding of literals: the archive's, SQL_ASCII when the archive does not say. */
  readonly literalEncoding: string
  /** `standard_conforming_strings`: a backslash is an ordinary character of a literal. */
  readonly stdStrings: boolean
  /** Bytes that are no character come out as a sequence that every server refuses (CVE-2025-1094). */
  readonly replacesInvalidCharacters: boolean
}

/** Quoting as a release of pg_restore does it for an archive. `encoding` is null when the archive names none. */
export function quoteRules(rules: CompatRules, encoding: string | null, stdStrings: boolean): QuoteRules {
  return {
    keywords: quotedKeywords(rules.release.major),
    nameEncoding: encoding ?? 'UTF8',
    literalEncoding: encoding ?? 'SQL_ASCII',
    stdStrings,
    replacesInvalidCharacters: rules.replacesInvalidCharacters,
  }
}

const plainName = /^[a-z_][a-z0-9_]*$/
const highByte = /[\u0080-\u00ff]/

/** A name, quoted if it must be (fmtIdEnc, string_utils.c). */
export function fmtId(quote: QuoteRules, name: string, encoding: string = quote.nameEncoding): string {
  if (plainName.test(name) && !quote.keywords.has(name)) return name
  if (!quote.replacesInvalidCharacters || !highByte.test(name)) return `"${name.replaceAll('"', '""')}"`
  let quoted = '"'
  for (let at = 0; at < name.length;) {
    if (name.charCodeAt(at) < 0x80) {
      const char = name.charAt(at++)
      quoted += char === '"' ? '""' : char
      continue
    }
    const length = charLength(encoding, name, at)
    if (isValidChar(encoding, name, at, length)) {
      quoted += name.slice(at, at + length)
      at += length
    } else {
      quoted += invalidSequence(encoding)
      at++
    }
  }
  return `${quoted}"`
}

/** `schema.name`, each quoted if it must be; without a prefix when the schema is null or empty (fmtQualifiedIdEnc). */
export function fmtQualifiedId(quote: QuoteRules, schema: string | null | undefined, name: string): string {
  const id = fmtId(quote, name)
  return schema ? `${fmtId(quote, schema)}.${id}` : id
}

/** A string literal (appendStringLiteral, string_utils.c). */
export function stringLiteral(quote: QuoteRules, text: string): string {
  const encoding = quote.literalEncoding
  let literal = "'"
  for (let at = 0; at < text.length;) {
    const char = text.charAt(at)
    if (text.charCodeAt(at) < 0x80) {
      literal += char === "'" || (char === '\\' && !quote.stdStrings) ? char + char : char
      at++
      continue
    }
    const length = charLength(encoding, text, at)
    if (!quote.replacesInvalidCharacters) {
      // older releases fill an incomplete character up with blanks, whatever its bytes
      literal += text.slice(at, at + length).padEnd(length)
      at += length
    } else if (isValidChar(encoding, text, at, length)) {
      literal += text.slice(at, at + length)
      at += length
    } else {
      literal += invalidSequence(encoding)
      at++
    }
  }
  return `${literal}'`
}

const connectName = /^[A-Za-z0-9_.]*$/

/** Value of a connection string (appendConnStrVal, string_utils.c). */
function connectionValue(text: string): string {
  return text !== '' && connectName.test(text) ? text : `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`
}

/**
 * psql's line(s) to connect to a database (appendPsqlMetaConnect, string_utils.c), with a line feed; null when the name
 * holds a line feed or carriage return, which no such line can say.
 */
export function connectLines(quote: QuoteRules, dbname: string, setEncoding: boolean): string | null {
  if (/[\r\n]/.test(dbname)) return null
  // from the release on that sets psql's encoding, names are quoted as SQL_ASCII: their encoding is not known
  const encoding = setEncoding ? 'SQL_ASCII' : quote.nameEncoding
  if (connectName.test(dbname)) return `\\connect ${fmtId(quote, dbname, encoding)}\n`
  const target = fmtId(quote, `dbname=${connectionValue(dbname)}`, encoding)
  return `${setEncoding ? '\\encoding SQL_ASCII\n' : ''}\\connect -reuse-previous=on ${target}\n`
}
