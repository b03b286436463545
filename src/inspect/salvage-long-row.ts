import { KERNEL_INPUT_AT, openRowKernel, type RowKernel } from '../codec/row-kernel.ts'
import { RowScanner } from '../copy/row-scanner.ts'
import { charLengthOf } from '../sql/multibyte.ts'
import { mixedEncodings } from '../sql/lexer.ts'
import { EncodingCheck } from './encoding-check.ts'

/** A row of more bytes is not held: it is judged as it comes, and its verdict kept for the second reading. */
export const longRowBytes = 1024 * 1024

/** What the first reading found out about a row that is too long to be held. */
export interface LongRowVerdict {
  readonly good: boolean
  readonly fields: number | undefined
}

/** As many bytes as decoders lend at a time. */
const kernelBytes = 262_144

/** Judges rows that are too long to be held, piece by piece, as `verify` does. */
export class LongRowJudge {
  readonly #encoding: string | undefined
  readonly #maxRowBytes: number
  readonly #kernel: RowKernel | undefined = openRowKernel(kernelBytes)
  #scanner: RowScanner
  #check: EncodingCheck

  /**
   * @param encoding in which text must be valid; undefined: not known
   * @param columns of the row; undefined: any number
   */
  constructor(encoding: string | undefined, maxRowBytes: number, columns: number | undefined) {
    this.#encoding = encoding
    this.#maxRowBytes = maxRowBytes
    this.#scanner = this.#newScanner(columns)
    this.#check = new EncodingCheck(encoding ?? 'UTF8')
  }

  /** Begins another row. */
  begin(columns: number | undefined): void {
    this.#scanner = this.#newScanner(columns)
    this.#check = new EncodingCheck(this.#encoding ?? 'UTF8')
  }

  push(bytes: Uint8Array): void {
    this.#scanner.push(bytes)
    this.#check.push(bytes)
  }

  /** After its line feed, or where the data end. */
  finish(): LongRowVerdict & { readonly isUtf8: boolean } {
    const { rows, fields, defects } = this.#scanner.finish()
    const isText = this.#check.finish() === undefined
    const isRow = rows === 1 && defects.every(({ code }) => code === 'COPY_NO_END')
    return { good: isRow && (isText || this.#encoding === undefined), fields, isUtf8: isText }
  }

  #newScanner(fields: number | undefined): RowScanner {
    const encoding = this.#encoding
    return new RowScanner({
      fields,
      maxRowBytes: this.#maxRowBytes,
      maxFields: Infinity,
      charLength: encoding !== undefined && mixedEncodings.has(encoding) ? charLengthOf(encoding) : undefined,
      kernel: this.#kernel,
      kernelInputAt: KERNEL_INPUT_AT,
    })
  }
}
