import { digest, type Archive, type ArchiveDigest, type ArchiveView } from '../index.ts'
import { labelOf, partsDone } from './parts-done.ts'
import { Progress } from './progress.ts'
import type { Terminal } from './terminal.ts'

/** Digests an archive, or a view of it, with a progress line where somebody sees it. */
export async function digestOf(
  terminal: Terminal,
  archive: Archive,
  view: ArchiveView = archive,
  quiet = false,
): Promise<ArchiveDigest> {
  const { signal, stderr } = terminal
  if (quiet || !stderr.isTTY) return await digest(view, { signal })
  const progress = new Progress(stderr)
  const parts = await partsDone(archive, view.toc, () => true, signal)
  try {
    return await digest(view, {
      signal,
      onProgress: ({ bytes, entry }) => progress.update(bytes, parts(entry), labelOf(view, entry)),
    })
  } finally {
    progress.done()
  }
}
