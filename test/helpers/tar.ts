/** A member of a tar file, read in the plainest way. */
export interface PlainMember {
  readonly name: string
  readonly header: Buffer
  readonly content: Buffer
}

/** The members of a tar file that pg_dump wrote. */
export function tarMembers(bytes: Buffer): PlainMember[] {
  const members: PlainMember[] = []
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const header = bytes.subarray(at, at + 512)
    const size = Number.parseInt(header.toString('latin1', 124, 135), 8)
    const name = header.toString('latin1', 0, 100).replace(/\0.*/s, '')
    members.push({ name, header, content: bytes.subarray(at + 512, at + 512 + size) })
    at += 512 + Math.ceil(size / 512) * 512
  }
  return members
}
