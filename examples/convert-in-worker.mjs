// @ts-check
// Converts to a directory in a worker thread, so that this one stays free for what else the program does:
// node examples/convert-in-worker.mjs ARCHIVE DIRECTORY
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { convert, open } from 'pgdmp'

if (isMainThread) {
  const [input, output] = process.argv.slice(2)
  if (input === undefined || output === undefined) throw new Error('usage: convert-in-worker.mjs ARCHIVE DIRECTORY')
  const worker = new Worker(new URL(import.meta.url), { workerData: { input, output } })
  worker.on('message', ({ done, bytes }) => done && console.log(`${output}: ${bytes} bytes`))
  // What goes wrong there is the error here, with its code and hint
  worker.on('error', (error) => {
    console.error(error)
    process.exitCode = 1
  })
} else {
  /** Nothing is handed over for good. @param {{ done: boolean, bytes: number }} message */
  const tell = (message) => parentPort?.postMessage(message, [])
  const archive = await open(workerData.input)
  try {
    const { bytes } = await convert(archive, workerData.output, {
      format: 'directory',
      onProgress: (progress) => tell({ done: false, bytes: progress.bytes }),
    })
    tell({ done: true, bytes })
  } finally {
    await archive.close()
  }
}
