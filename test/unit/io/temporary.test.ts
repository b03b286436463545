import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { removeLeftovers, temporaryName } from '../../../src/io/temporary.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pgdmp-temporary-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const pattern = /^\.pgdmp-([0-9a-f]{12}-[0-9a-f]+)-(\d+)-(\d+)-[0-9a-f]{16}\.tmp$/

/** A name as the process with this number and start would make it. */
async function nameOf(id: number | string, start: string, random = '0123456789abcdef'): Promise<string> {
  const world = pattern.exec(await temporaryName())?.[1]
  return `.pgdmp-${world}-${id}-${start}-${random}.tmp`
}

function startOf(id: number): string {
  const status = readFileSync(`/proc/${id}/stat`, 'latin1')
  return status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

describe('temporaryName()', () => {
  it('is new each time, and names its maker', async () => {
    const names = [await temporaryName(), await temporaryName()]
    expect(names[0]).not.toBe(names[1])
    for (const name of names) {
      if (process.platform === 'linux')
        expect(pattern.exec(name)?.slice(2, 4)).toEqual([String(process.pid), startOf(process.pid)])
      else expect(name).toMatch(/^\.pgdmp-[0-9a-f]{16}\.tmp$/)
    }
  })
})

describe.runIf(process.platform === 'linux')('removeLeftovers()', () => {
  it('removes files and flat directories of processes that are dead', async () => {
    const child = spawn('sleep', ['0'])
    await once(child, 'exit')
    const file = await nameOf(child.pid ?? 0, '12345', '00000000000000aa')
    const directory = await nameOf(child.pid ?? 0, '12345', '00000000000000bb')
    writeFileSync(join(folder, file), 'x')
    mkdirSync(join(folder, directory))
    writeFileSync(join(folder, directory, 'toc.dat'), 'x')
    await removeLeftovers(folder)
    expect(readdirSync(folder)).toEqual([])
  })

  it('removes what the bearer of the same number before has left', async () => {
    const name = await nameOf(process.pid, '1')
    writeFileSync(join(folder, name), 'x')
    await removeLeftovers(folder)
    expect(readdirSync(folder)).toEqual([])
  })

  it('keeps what a living process makes, its own included', async () => {
    const child = spawn('sleep', ['60'])
    await once(child, 'spawn')
    const names = [
      await nameOf(child.pid ?? 0, startOf(child.pid ?? 0)),
      await nameOf(1, startOf(1)),
      await temporaryName(),
    ]
    for (const name of names) writeFileSync(join(folder, name), 'x')
    await removeLeftovers(folder)
    expect(readdirSync(folder).sort()).toEqual(names.sort())
    child.kill('SIGKILL')
    await once(child, 'exit')
  })

  it('keeps what cannot be judged, or is not ours', async () => {
    const dead = '4194305' // beyond the largest number of a process
    const nested = await nameOf(dead, '1', '00000000000000aa')
    const link = await nameOf(dead, '1', '00000000000000bb')
    mkdirSync(join(folder, nested, 'inner'), { recursive: true })
    writeFileSync(join(folder, nested, 'file'), 'x')
    writeFileSync(join(folder, 'target'), 'x')
    symlinkSync('target', join(folder, link))
    const names = [
      '.pgdmp-0123456789ab-f0000000-4194305-1-0123456789abcdef.tmp', // of another machine, or before a restart
      '.pgdmp-0123456789abcdef.tmp', // of a system that does not tell
      `${await nameOf(dead, '1')}x`,
      `x${await nameOf(dead, '1')}`,
      (await nameOf(dead, '1')).replace('.tmp', ''),
    ]
    for (const name of names) writeFileSync(join(folder, name), 'x')
    await removeLeftovers(folder)
    expect(readdirSync(folder).sort()).toEqual([...names, nested, link, 'target'].sort())
    expect(readdirSync(join(folder, nested)).sort()).toEqual(['file', 'inner'])
  })

  it('keeps what belongs to another user', async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can give files away')
    const name = await nameOf('4194305', '1')
    writeFileSync(join(folder, name), 'x')
    chownSync(join(folder, name), 12345, 12345)
    await removeLeftovers(folder)
    expect(existsSync(join(folder, name))).toBe(true)
  })

  it('looks once, and never fails', async () => {
    await removeLeftovers(folder)
    const name = await nameOf('4194305', '1')
    writeFileSync(join(folder, name), 'x')
    await removeLeftovers(folder)
    expect(existsSync(join(folder, name))).toBe(true)
    await removeLeftovers(join(folder, 'missing'))
    await removeLeftovers(join(folder, name))
  })

  it('tells processes of other number spaces apart', async (context) => {
    const script = `for (const name of ['pid']) console.log(require('fs').readlinkSync('/proc/self/ns/' + name))`
    let inner = ''
    try {
      const args = ['--pid', '--fork', '--mount-proc', process.execPath, '-e', script]
      inner = execFileSync('unshare', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    } catch {
      context.skip('no number space can be made here')
    }
    const space = Number(/\[(\d+)\]/.exec(inner)?.[1]).toString(16)
    expect(pattern.exec(await temporaryName())?.[1]).not.toContain(`-${space}`)
  })
})
