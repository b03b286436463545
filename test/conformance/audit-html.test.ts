import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { audit, auditHtml, create, open, type AuditRule } from '../../src/index.ts'
import { startBrowser, withoutBrowser } from '../helpers/browser.ts'
import { fixturesRoot, inCi } from '../helpers/paths.ts'

/** Names that would be live in a page that took them for HTML. */
const hostile = [
  '</script><script>window.alive = 1</script>',
  '<img src=x onerror="window.alive = 1">',
  '"><svg onload=window.alive=1>',
  "' onmouseover='window.alive=1",
  '</style><body onload=window.alive=1>',
  'a\u202egnp.exe\nb\u0007',
  '\\N\\G\\l<b>x</b>',
  '&lt;script&gt;',
]

/** Finds something about every table, whatever the rules of the package say of it. */
const every: AuditRule = {
  id: 'every-table',
  severity: 'warning',
  category: 'hygiene',
  message: 'There is a table called <b>bold</b>',
  explanation: 'Said for a test: </script>.',
  fix: 'Nothing <i>at all</i>.',
  links: ['https://www.postgresql.org/docs/current/ddl.html', 'javascript:window.alive=1'],
  check({ catalog, report }) {
    for (const { entry, name } of catalog.tables)
      report({ entry, message: `the table is ${name}`, fix: `DROP TABLE ${name}` })
  },
}

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-html-'))
let browser: Browser | undefined
const contexts: BrowserContext[] = []

async function pageOf(
  html: string,
  options: { readonly dark?: boolean } = {},
): Promise<{ page: Page; troubles: string[] }> {
  const file = join(folder, `${contexts.length}.html`)
  writeFileSync(file, html)
  const context = await browser?.newContext({ colorScheme: options.dark === true ? 'dark' : 'light' })
  if (context === undefined) throw new Error('There is no browser')
  contexts.push(context)
  const page = await context.newPage()
  const troubles: string[] = []
  const address = pathToFileURL(file).href
  page.on('request', (request) => request.url() === address || troubles.push(`request for ${request.url()}`))
  page.on('console', (message) => troubles.push(message.text()))
  page.on('pageerror', (error) => troubles.push(error.message))
  page.on('dialog', (dialog) => troubles.push(`dialog ${dialog.message()}`))
  await page.goto(address)
  return { page, troubles }
}

async function openAll(page: Page): Promise<void> {
  const closed = page.locator('details:not([open]) > summary:visible')
  while ((await closed.count()) > 0) await closed.first().click()
}

async function hostileReport(): Promise<string> {
  const path = join(folder, 'hostile.dump')
  const archive = await create(path, { dbname: hostile[0] ?? '' })
  let previous: { id: number; name: string } | undefined
  for (const name of hostile) {
    const quoted = `"${name.replaceAll('"', '""')}"`
    archive.addEntry({ desc: 'SCHEMA', tag: name, defn: `CREATE SCHEMA ${quoted};\n` })
    const reference = previous === undefined ? '' : `, ref integer REFERENCES ${previous.name}`
    const defn = `CREATE TABLE ${quoted}.${quoted} (${quoted} integer PRIMARY KEY${reference});\n`
    const dependencies = previous === undefined ? [] : [previous.id]
    const id = archive.addEntry({ desc: 'TABLE', tag: name, namespace: name, owner: name, defn, dependencies })
    previous = { id, name: `${quoted}.${quoted}` }
  }
  await archive.finish()
  await using opened = await open(path)
  return await auditHtml(opened, await audit(opened, { rules: [every] }), { title: `${hostile[1]} & Co.` })
}

async function fixtureReport(): Promise<string> {
  await using archive = await open(join(fixturesRoot, '18/full-Fc.dump'))
  return await auditHtml(archive, await audit(archive, { rules: [every] }))
}

if (withoutBrowser !== undefined && !inCi) test('a report in a browser', (context) => context.skip(withoutBrowser))
else
  describe('auditHtml() in Chromium', () => {
    beforeAll(async () => {
      browser = await startBrowser()
    })

    afterEach(async () => {
      await Promise.all(contexts.map((context) => context.close()))
    })

    afterAll(async () => {
      await browser?.close()
      rmSync(folder, { recursive: true })
    })

    test('loads nothing, and shows every finding and picture', async () => {
      const { page, troubles } = await pageOf(await fixtureReport())
      expect(await page.locator('#findings tbody tr').count()).toBeGreaterThan(50)
      expect(await page.locator('#inventory table').count()).toBeGreaterThan(2)
      const drawn = page.locator('#picture svg').first()
      expect((await drawn.boundingBox())?.width).toBeGreaterThan(100)
      expect(await page.locator('#picture').textContent()).toContain('plain')
      expect(troubles).toEqual([])
    })

    test('keeps hostile names as text', async () => {
      const html = await hostileReport()
      const { page, troubles } = await pageOf(html)
      await page.locator('#findings tbody tr').last().hover()
      expect(troubles).toEqual([])
      expect(await page.evaluate('window.alive')).toBeUndefined()
      expect(await page.locator('img, #findings svg, main script, main style, b, i').count()).toBe(0)
      expect(await page.locator('a[href^="javascript"]').count()).toBe(0)
      expect(await page.title()).toBe(`Audit of ${hostile[1]} & Co.`)
      const text = (await page.locator('#findings').textContent()) ?? ''
      for (const name of hostile.slice(0, 5)) expect(text).toContain(`the table is ${name}`)
      expect(text).toContain('the table is a\\u202egnp.exe\\x0ab\\x07')
      // the characters themselves are nowhere in the document
      expect([html.includes('\u202e'), html.includes('\u0007')]).toEqual([false, false])
      expect(await page.locator('#picture svg').first().textContent()).toContain('\\N\\G\\l<b>x</b>')
    })

    test('filters by severity and category, and searches', async () => {
      const { page } = await pageOf(await fixtureReport())
      const rows = page.locator('#findings details.group tbody tr:visible')
      await openAll(page)
      const all = await page.locator('#findings details.group tbody tr').count()
      expect(await page.locator('#shown').textContent()).toBe(`${all} of ${all} findings shown`)
      await page.getByLabel('Search').fill('every-table MANY_rows')
      expect(await rows.allTextContents()).toEqual([expect.stringContaining('many_rows')])
      expect(await page.locator('#shown').textContent()).toBe(`1 of ${all} findings shown`)
      await page.getByRole('button', { name: 'Reset' }).click()
      await page.getByLabel('warning').uncheck()
      await page.waitForFunction(
        'document.querySelectorAll("details.group:not([hidden])").length < document.querySelectorAll("details.group").length',
      )
      expect((await rows.allTextContents()).filter((text) => text.startsWith('warning'))).toEqual([])
      await page.getByLabel('warning').check()
      await page.getByLabel('hygiene').uncheck()
      expect((await page.locator('details.group:visible').allTextContents()).join('')).not.toContain('every-table')
    })

    test('works by keyboard: skips to the findings, opens and closes groups, changes the colours', async () => {
      const { page } = await pageOf(await fixtureReport())
      const background = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor')
      const before = await background()
      await page.keyboard.press('Tab')
      expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the findings')
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      expect(await page.locator('#theme').getAttribute('aria-pressed')).toBe('true')
      expect(await background()).not.toBe(before)
      await page.keyboard.press('Shift+Tab')
      await page.keyboard.press('Enter')
      expect(await page.evaluate('document.activeElement.id')).toBe('findings')
      const group = page.locator('details.group').first()
      const wasOpen = await group.getAttribute('open')
      await group.locator('summary').focus()
      await page.keyboard.press('Enter')
      expect((await group.getAttribute('open')) === null).toBe(wasOpen !== null)
    })

    test.each([false, true])('has nothing that axe-core finds hard to read or to use, dark: %s', async (dark) => {
      const { page } = await pageOf(await fixtureReport(), { dark })
      await openAll(page)
      // the policy of the page lets no script in but its own; axe is run from outside of it
      await page.evaluate(axe.source)
      const { violations, passes } = await page.evaluate<{
        violations: { id: string; nodes: { html: string }[] }[]
        passes: unknown[]
      }>('axe.run()')
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([])
      expect(passes.length).toBeGreaterThan(15)
    })
  })
