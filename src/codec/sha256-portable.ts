import { sha256 } from '@noble/hashes/sha2.js'
import type { Hash } from './sha256.ts'

/** @returns SHA-256 without anything of the platform's: the Web's own is neither synchronous nor takes pieces */
export function openPortableSha256(): Hash {
  const hash = sha256.create()
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() }
}
