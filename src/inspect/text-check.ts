import { decodeByteString } from '../bytes/byte-string.ts'
import { KERNEL_INPUT_AT, openRowKernel, type RowKernel } from '../codec/row-kernel.ts'
import { fieldCount, parseCopyStatement } from '../copy/copy-statement.ts'
import { InsertScanner, type InsertDefect, type InsertDefectCode } from '../copy/insert-scanner.ts'
import { RowScanner, type CopyDefect, type CopyDefectCode } from '../copy/row-scanner.ts'
import type { Limits } from '../limits.ts'
import { mixedEncodings } from '../sql/lexer.ts'
import { charLengthOf } from '../sql/multibyte.ts'
import type { ArchiveSettings, DumpId } from '../toc/types.ts'
import { EncodingCheck } from './encoding-check.ts'
import type { Findings } from './findings.ts'

/** As long as the chunks that decoders lend. */
const KERNEL_BYTES = 262144

/** What the data of one table are checked against. */
export interface TextRules {
  readonly settings: ArchiveSettings
  readonly limits: Limits
  /** Shared by all tables: one is read at a time. */
  readonly kernel: RowKernel | undefined
}

/** The rules of an archive. */
export function textRules(settings: ArchiveSettings, limits: Limits): TextRules {
  return { settings, limits, kernel: openRowKernel(KERNEL_BYTES) }
}

/** The table whose data are checked. */
export interface TextSubject {
  readonly dumpId: DumpId
  /** The COPY statement as a byte string; null for INSERT statements, undefined where an archive has no such field. */
  readonly copyStmt: string | null | undefined
}

/** What the data of a table hold. */
export interface TextCounts {
  readonly rows: number
  /** INSERT statements; null for COPY text. */
  readonly statements: number | null
}

/** Checks the data of one table as they come: rows of COPY, or INSERT statements; and their encoding. */
export class TextCheck {
  readonly #dumpId: DumpId
  readonly #rules: TextRules
  readonly #encoding: EncodingCheck
  readonly #copyStmt: string | null | undefined
  readonly #fields: number | undefined
  /** Of what has a COPY statement, or may lack it. */
  #rows: RowScanner | undefined
  /** Of what has none. */
  readonly #inserts: InsertScanner | undefined
  readonly #openRows: () => RowScanner
  #hasBegun = false

  constructor({ dumpId, copyStmt }: TextSubject, rules: TextRules) {
    const { settings, limits, kernel } = rules
    const { encoding, stdStrings } = settings
    this.#dumpId = dumpId
    this.#rules = rules
    this.#encoding = new EncodingCheck(encoding)
    const charLength = mixedEncodings.has(encoding) ? charLengthOf(encoding) : undefined
    this.#copyStmt = copyStmt
    const statement = parseCopyStatement(copyStmt ?? '')
    this.#fields = statement === undefined ? undefined : fieldCount(statement)
    this.#openRows = () =>
      new RowScanner({
        fields: this.#fields,
        maxRowBytes: limits.rowBytes,
        maxFields: limits.fieldsPerRow,
        charLength,
        kernel,
        kernelInputAt: KERNEL_INPUT_AT,
      })
    if (copyStmt != null) this.#rows = this.#openRows()
    else this.#inserts = new InsertScanner({ stdStrings, charLength })
  }

  push(chunk: Uint8Array): void {
    // rows without their statement: archives before 1.3 have none, nor what they were converted to
    if (!this.#hasBegun && this.#inserts !== undefined && !beginsInsert(chunk)) this.#rows = this.#openRows()
    this.#hasBegun = true
    this.#inserts?.push(chunk)
    this.#rows?.push(chunk)
    this.#encoding.push(chunk)
  }

  /**
   * What there was.
   * @param isWhole the stream came to its end; else it was cut by something that is told elsewhere
   */
  finish(isWhole: boolean, findings: Findings): TextCounts {
    const fault = this.#encoding.finish()
    const counts = this.#finishText(isWhole, findings)
    if (fault !== undefined) this.#invalidText(fault, isWhole, findings)
    return counts
  }

  #finishText(isWhole: boolean, findings: Findings): TextCounts {
    const rows = this.#rows?.finish()
    const inserts = this.#inserts?.finish()
    if (inserts === undefined) return this.#finishRows(rows ?? this.#openRows().finish(), isWhole, findings)
    const isRows = rows !== undefined && inserts.defects.length > 0
    // what has neither is told as what it should be
    if (!isRows || (this.#copyStmt === null && rows.defects.some(({ code }) => isWhole || !isOfEnd(code)))) {
      return this.#finishInserts(inserts, isWhole, findings)
    }
    this.#add(findings, 'COPY_WITHOUT_STATEMENT', 'error', 'there are rows without a COPY statement')
    return this.#finishRows(rows, isWhole, findings)
  }

  #finishRows({ rows, fields, defects }: FoundRows, isWhole: boolean, findings: Findings): TextCounts {
    for (const defect of defects) {
      if (!isWhole && isOfEnd(defect.code)) continue
      this.#add(findings, defect.code, copySeverities[defect.code], copyText(defect, fields))
    }
    if (this.#fields === undefined && fields !== undefined && fields > 0) {
      this.#add(
        findings,
        'COPY_WITHOUT_COLUMNS',
        'info',
        `its COPY statement names no columns: rows were compared with the first one, which has ${fields} fields`,
      )
    }
    return { rows, statements: null }
  }

  #finishInserts({ rows, statements, defects }: FoundInserts, isWhole: boolean, findings: Findings): TextCounts {
    for (const defect of defects) {
      if (!isWhole && defect.code === 'SQL_NOT_ENDED') continue
      this.#add(findings, defect.code, 'error', insertText(defect))
    }
    return { rows, statements }
  }

  #invalidText(offset: number, isWhole: boolean, findings: Findings): void {
    const { encoding } = this.#rules.settings
    if (!isWhole) return
    this.#add(findings, 'INVALID_TEXT', 'error', `the bytes at offset ${offset} are no character of ${encoding}`)
  }

  #add(findings: Findings, code: string, severity: 'info' | 'warning' | 'error', what: string): void {
    const dumpId = this.#dumpId
    const hint = hints[code]
    findings.add({ code, severity, message: `In the data of TOC entry ${dumpId}, ${what}`, dumpId, hint })
  }
}

type FoundRows = ReturnType<RowScanner['finish']>
type FoundInserts = ReturnType<InsertScanner['finish']>

/** Whether a defect is that of any text that is cut. */
function isOfEnd(code: CopyDefectCode): boolean {
  return code === 'COPY_NO_END' || code === 'COPY_PARTIAL_ROW'
}

function beginsInsert(chunk: Uint8Array): boolean {
  return decodeByteString(chunk.subarray(0, insertStart.length)) === insertStart
}

const insertStart = 'INSERT INTO '

const copySeverities: Readonly<Record<CopyDefectCode, 'warning' | 'error'>> = {
  COPY_FIELD_COUNT: 'error',
  COPY_UNUSUAL_ESCAPE: 'warning',
  COPY_MISPLACED_END: 'error',
  COPY_CARRIAGE_RETURN: 'error',
  COPY_NUL: 'error',
  COPY_AFTER_END: 'error',
  COPY_NO_END: 'error',
  COPY_PARTIAL_ROW: 'error',
  COPY_ROW_BYTES: 'error',
  COPY_ROW_FIELDS: 'error',
}

const hints: Readonly<Record<string, string>> = {
  COPY_FIELD_COUNT: 'A restore of the table fails at this row',
  COPY_UNUSUAL_ESCAPE: 'PostgreSQL reads it but never writes it: the data were changed or made by hand',
  COPY_MISPLACED_END: 'Servers before 18 would take what follows as SQL, newer ones refuse it',
  COPY_CARRIAGE_RETURN: 'A restore of the table fails at this row',
  COPY_NUL: 'A restore of the table fails at this row',
  COPY_AFTER_END: 'psql would run it as SQL or as a command: do not feed a script of this archive to psql',
  COPY_NO_END: 'The data were cut short or changed: rows may be missing',
  COPY_PARTIAL_ROW: 'The data were cut short or changed: rows may be missing',
  COPY_ROW_BYTES: 'Raise limits.rowBytes if the archive can be trusted',
  COPY_ROW_FIELDS: 'No table of PostgreSQL has more than 1,600 columns',
  COPY_WITHOUT_STATEMENT:
    'pg_restore prints them as SQL, which fails: archives before 1.3 have no COPY statements; read them with pgdmp',
  INVALID_TEXT: 'A restore of the table fails at this place',
  SQL_NOT_INSERT: 'pg_dump writes nothing else there: look at it before it is run',
  SQL_BACKSLASH: 'psql would run it as a command: do not feed a script of this archive to psql',
  SQL_UNUSUAL: 'What follows may be read in two ways, and hide commands to psql: look at it before it is run',
  SQL_NOT_ENDED: 'The data were cut short or changed: rows may be missing',
}

function copyText(defect: CopyDefect, fields: number | undefined): string {
  const { code, count, row, offset, observed } = defect
  const more = count === 1 ? '' : `, as at ${count - 1} more places`
  const at = `at offset ${offset}${more}`
  switch (code) {
    case 'COPY_FIELD_COUNT':
      return `row ${row} has ${observed ?? 0} fields, must have ${fields ?? 0}, ${at}`
    case 'COPY_UNUSUAL_ESCAPE':
      return `row ${row} has the escape ${escapeText(observed ?? 0)} ${at}`
    case 'COPY_MISPLACED_END':
      return `row ${row} has "\\." that does not stand alone, ${at}`
    case 'COPY_CARRIAGE_RETURN':
      return `row ${row} has a carriage return ${at}`
    case 'COPY_NUL':
      return `row ${row} has a NUL ${at}`
    case 'COPY_AFTER_END':
      return `there are bytes after the end mark "\\.", ${at}`
    case 'COPY_NO_END':
      return `the end mark "\\." is missing after ${row - 1} rows`
    case 'COPY_PARTIAL_ROW':
      return `row ${row}, ${at}, has no end`
    case 'COPY_ROW_BYTES':
      return `row ${row} has ${observed ?? 0} bytes, more than the limit rowBytes, ${at}`
    case 'COPY_ROW_FIELDS':
      return `row ${row} has ${observed ?? 0} fields, more than the limit fieldsPerRow, ${at}`
    default:
      return code satisfies never
  }
}

function escapeText(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? `"\\${String.fromCharCode(byte)}"` : `of byte 0x${byte.toString(16)}`
}

const insertTexts: Readonly<Record<InsertDefectCode, string>> = {
  SQL_NOT_INSERT: 'is no INSERT',
  SQL_BACKSLASH: 'has a backslash outside of quotes',
  SQL_UNUSUAL: 'has outside of quotes what pg_dump does not write there',
  SQL_NUL: 'has a NUL',
  SQL_NOT_ENDED: 'has no end',
}

function insertText({ code, count, statement, offset }: InsertDefect): string {
  const more = count === 1 ? '' : `, as at ${count - 1} more places`
  return `statement ${statement} ${insertTexts[code]}, at offset ${offset}${more}`
}
