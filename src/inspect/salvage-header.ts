import type { Algorithm } from '../codec/codec.ts'
import type { ArchiveHeader } from '../toc/types.ts'
import { featuresOf, newArchiveVersion } from '../toc/version.ts'
import { headerCompression } from '../toc/write-head.ts'
import type { FoundFiles } from './salvage-files.ts'
import type { FoundToc } from './salvage-toc.ts'

/** How the files of an archive are compressed, by what they are called. */
export function algorithmOfFiles(files: FoundFiles, toc: FoundToc | undefined): Algorithm {
  const told = toc?.header.compression.algorithm
  if (files.inOneFile) return 'none'
  const suffixes: readonly (readonly [string, Algorithm])[] = [
    ['.gz', 'gzip'],
    ['.lz4', 'lz4'],
    ['.zst', 'zstd'],
  ]
  const names = [...files.byName.keys()].filter((name) => /^[0-9]+\.dat|^blob_/.test(name))
  const found = suffixes.find(([suffix]) => names.some((name) => name.endsWith(suffix)))?.[1]
  return found ?? (told === undefined || told === 'unknown' || names.length > 0 ? 'none' : told)
}

/** The header of the archive to be. */
export function headerOf(told: ArchiveHeader, toc: FoundToc | undefined, algorithm: Algorithm): ArchiveHeader {
  const compression = told.compression.algorithm
  if (toc !== undefined && compression === algorithm) return told
  const needed = newArchiveVersion(algorithm)
  const says = featuresOf(told.version).compression
  // before 1.2 all data are gzip
  const saysLevel = algorithm === 'gzip' || (algorithm === 'none' && says !== 'implied-gzip')
  const canSay = says === 'algorithm-byte' || saysLevel
  const version = toc === undefined || !canSay ? needed : told.version
  return { ...told, version, compression: headerCompression(algorithm, version) }
}
