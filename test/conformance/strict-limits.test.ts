import { expect, test } from 'vitest'
import { strictLimits, verify } from '../../src/index.ts'
import { allArchives } from '../helpers/corpus.ts'

test(
  'strictLimits refuse no honest archive but those in zstd with a window of 128 MiB',
  { timeout: 600_000 },
  async () => {
    const refused: string[] = []
    const archives = allArchives()
    for (const { path, file } of archives) {
      const { findings, readable } = await verify(file, { limits: strictLimits })
      const beyond = findings.filter(({ code }) => code === 'LIMIT_EXCEEDED')
      const isLongWindow = /zstd-long/.test(path) && beyond.every(({ message }) => message.includes('zstdWindow'))
      if (!readable || (beyond.length > 0 && !isLongWindow))
        refused.push(`${path}: ${beyond[0]?.message ?? 'unreadable'}`)
      if (/zstd-long/.test(path)) expect(beyond.length).toBeGreaterThan(0)
    }
    expect(refused).toEqual([])
    expect(archives.length).toBeGreaterThan(0)
  },
)
