import type { FormatWriter } from './writer.ts'
import type { VerbatimArchive } from './verbatim.ts'

/** Copies an archive byte for byte, instead of all that a writer does between opening and its end. */
export async function writeVerbatim(writer: FormatWriter, archive: VerbatimArchive): Promise<void> {
  if (archive.kind === 'file') {
    try {
      await writer.copy([{ name: '', open: async () => archive.chunks }])
    } finally {
      await archive.chunks.cancel()
    }
  } else {
    await writer.copy(archive.files)
  }
}
