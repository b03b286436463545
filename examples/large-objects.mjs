// @ts-check
// Sizes of the large objects in an archive: node examples/large-objects.mjs ARCHIVE
import { open } from 'pgdmp'

const archive = await open(process.argv[2] ?? '-')
try {
  for (const entry of archive.toc.filter(({ desc }) => desc === 'BLOBS')) {
    for await (const { oid, data } of archive.largeObjects(entry)) {
      let bytes = 0
      for await (const chunk of data) bytes += chunk.length
      console.log(`${oid}\t${bytes}`)
    }
  }
} finally {
  await archive.close()
}
