import type { ByteSpan, RawTocEntry, TextField } from '../toc/types.ts'

/** A span to be filled by {@link locate}. */
export function emptySpan(): ByteSpan {
  return { bytes: new Uint8Array(0), start: 0, end: 0 }
}

/** Where the bytes of a field lie, whether or not the entry has the fast way to tell; false for NULL and absent. */
export function locate(raw: RawTocEntry, field: TextField, span: ByteSpan): boolean {
  if (raw.locate !== undefined) return raw.locate(field, span)
  const bytes = raw.bytes(field)
  if (bytes == null) return false
  span.bytes = bytes
  span.start = 0
  span.end = bytes.length
  return true
}

/** Whether a span begins with these bytes. */
export function spanBegins({ bytes, start, end }: ByteSpan, prefix: Uint8Array): boolean {
  if (end - start < prefix.length) return false
  for (let at = 0; at < prefix.length; at++) if (bytes[start + at] !== prefix[at]) return false
  return true
}
