// @ts-check
// What would restoring this archive do? node examples/audit.mjs from-a-stranger.dump
import { audit, harmless, open, strictLimits } from 'pgdmp'

const archive = await open(process.argv[2] ?? 'nightly.dump', { limits: strictLimits })
const { findings, counts, inventory } = await audit(archive, { settings: { hygiene: 'off' } })
for (const { severity, rule, object, message } of findings) {
  // names are a stranger's: nothing of them may reach a terminal as it is
  console.log(harmless(`${severity} ${rule}: ${object}: ${message}`))
}
console.log(`${counts.error} errors, ${counts.warning} warnings`)
console.log(harmless(`roles: ${inventory.roles.map(({ name }) => name).join(', ')}`))
await archive.close()
