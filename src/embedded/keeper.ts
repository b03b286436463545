/** What the keeper is told, as JSON in its only argument. */
export interface KeeperTask {
  /** Removed at the end. */
  readonly folder: string
  /** Run one after the other, as long as they end well. */
  readonly commands: readonly { readonly file: string; readonly args: readonly string[] }[]
  /** Who runs them; undefined: the same user. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
}

/**
 * A program for `node -e` that runs a server, and takes it and its folder away when its standard input ends: which it
 * does, too, when the process that started it is killed, and can do nothing itself any more.
 */
export const keeper = `
const { spawn } = require('node:child_process')
const { rmSync } = require('node:fs')
const { folder, commands, owner } = JSON.parse(process.argv[1])
let child
let over = false
function end() {
  over = true
  // to a server: end at once, and end all of yours
  if (child !== undefined) child.kill('SIGQUIT')
}
function finish(status) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 })
  process.exit(status)
}
function next() {
  const command = over ? undefined : commands.shift()
  if (command === undefined) return finish(0)
  child = spawn(command.file, command.args, { ...owner, cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  child.on('error', (error) => {
    console.error(error.message)
    finish(1)
  })
  child.on('exit', (status) => (status === 0 || over ? next() : finish(1)))
}
process.stdin.on('error', end).on('close', end).resume()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end)
// what is said when nobody hears any more
process.stderr.on('error', () => undefined)
next()
`
