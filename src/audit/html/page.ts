import { createSha256 } from '../../codec/sha256.ts'
import { auditCategories, auditSeverities } from '../options.ts'
import type { AppliedRule, AuditReport } from '../report.ts'
import type { AuditFinding } from '../types.ts'
import { markup, plainTable, link, type Html } from './escape.ts'
import { script } from './script.ts'
import { style } from './style.ts'
import { formatNumber } from '../text.ts'

/** A table of the inventory. */
export interface PageTable {
  readonly title: string
  readonly head: readonly string[]
  /** Numbers are aligned as such. */
  readonly rows: readonly (readonly (string | number)[])[]
  /** What is left out, as a sentence. */
  readonly omitted?: string | undefined
}

/** What stands on a page. */
export interface PageContent {
  readonly title: string
  /** Lines below the title: where the archive comes from. */
  readonly facts: readonly string[]
  readonly report: AuditReport
  readonly inventory: readonly PageTable[]
  readonly figures: readonly Html[]
}

/** A whole report as one HTML document that loads nothing: style and script are in it, and nothing else may run. */
export function page({ title, facts, report, inventory, figures }: PageContent): string {
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src '${sourceHash(script)}'; base-uri 'none'; form-action 'none'`
  const content = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Audit of ${title}</title>
        <style>${{ html: style }}</style>
      </head>
      <body>
        <a class="skip" href="#findings">Skip to the findings</a>
        <header>
          <div>
            <h1>Audit of ${title}</h1>
            ${facts.map((fact) => markup`<p>${fact}</p>`)}
          </div>
          <button type="button" id="theme" aria-pressed="false" hidden>Dark</button>
        </header>
        <nav aria-label="Parts of the report">
          <ul>
            <li><a href="#findings">Findings</a></li>
            <li><a href="#inventory">Inventory</a></li>
            ${figures.length === 0 ? undefined : markup`<li><a href="#picture">Picture</a></li>`}
          </ul>
        </nav>
        <main>
          ${findingsOf(report)} ${inventoryOf(inventory)}
          ${
            figures.length === 0
              ? undefined
              : markup`<section id="picture" aria-labelledby="picture-title">
                  <h2 id="picture-title">Picture</h2>
                  ${figures}
                </section>`
          }
        </main>
        <script>${{ html: script }}</script>
      </body>
    </html> `
  return content.html
}

/** The source expression of a Content Security Policy that allows this text as a script. */
function sourceHash(text: string): string {
  const hash = createSha256()
  hash.update(new TextEncoder().encode(text))
  return `sha256-${btoa(String.fromCharCode(...hash.digest()))}`
}

function findingsOf(report: AuditReport): Html {
  const groups = groupByRule(report)
  return markup`<section id="findings" aria-labelledby="findings-title" tabindex="-1">
    <h2 id="findings-title">Findings</h2>
    <ul class="counts">
      ${auditSeverities.map((name) => markup`<li><span class="${name}">${name}</span> ${report.counts[name]}</li>`)}
    </ul>
    ${groups.length === 0 ? markup`<p>Nothing was found by ${report.rules.length} rules.</p>` : filterForm()}
    ${groups.map(groupOf)} ${suppressedOf(report)}
  </section>`
}

function filterForm(): Html {
  const boxes = (name: string, legend: string, values: readonly string[]): Html =>
    markup`<fieldset>
      <legend>${legend}</legend>
      ${values.map(
        (value) => markup`<label><input type="checkbox" name="${name}" value="${value}" checked /> ${value}</label>`,
      )}
    </fieldset>`
  return markup`<form role="search" aria-label="Findings" hidden>
    <label class="search">Search <input type="search" name="search" autocomplete="off" spellcheck="false" /></label>
    ${boxes('severity', 'Severity', auditSeverities)} ${boxes('category', 'Category', auditCategories)}
    <button type="reset">Reset</button>
    <output id="shown" aria-live="polite"></output>
  </form>`
}

interface Group {
  readonly rule: AppliedRule
  readonly findings: readonly AuditFinding[]
}

/** The findings of each rule together, in the order of the report. */
function groupByRule({ rules, findings }: AuditReport): readonly Group[] {
  const byId = new Map(rules.map((rule) => [rule.id, rule]))
  const groups = new Map<string, { rule: AppliedRule; findings: AuditFinding[] }>()
  for (const finding of findings) {
    const group = groups.get(finding.rule)
    const rule = byId.get(finding.rule)
    if (group !== undefined) group.findings.push(finding)
    else if (rule !== undefined) groups.set(finding.rule, { rule, findings: [finding] })
  }
  return [...groups.values()]
}

function groupOf({ rule, findings }: Group): Html {
  const worst = findings[0]?.severity ?? rule.severity
  return markup`<details class="group" data-category="${rule.category}" ${{ html: findings.length <= 20 ? ' open' : '' }}>
    <summary>
      <span class="severity ${worst}">${worst}</span> ${rule.message}
      <span class="rule"
        >(<code>${rule.id}</code>, ${rule.category}, <span class="count">${findings.length}</span>)</span
      >
    </summary>
    <div>
      <p>${rule.explanation}</p>
      <p><strong>What to do:</strong> ${rule.fix}</p>
      ${rule.links.length === 0 ? undefined : markup`<p>See ${joined(rule.links.map(link))}</p>`}
      ${plainTable(
        ['Severity', 'Object', 'Finding'],
        findings.map((finding) => rowOf(finding, rule)),
      )}
    </div>
  </details> `
}

function rowOf({ severity, desc, object, message, fix, dumpId }: AuditFinding, rule: AppliedRule): Html {
  const type = desc === undefined ? 'archive' : `${desc}${dumpId === undefined ? '' : `, entry ${dumpId}`}`
  const own = fix === rule.fix ? undefined : markup`<br /><strong>Do:</strong> <code>${fix}</code>`
  return markup`<tr data-severity="${severity}">
    <td class="${severity}">${severity}</td>
    <td><span class="name">${object}</span><br /><small>${type}</small></td>
    <td>${message}${own}</td>
  </tr> `
}

function suppressedOf({ suppressed }: AuditReport): Html | undefined {
  if (suppressed.length === 0) return undefined
  return markup`<details>
    <summary>${suppressed.length} suppressed</summary>
    ${plainTable(
      ['Rule', 'Object', 'Finding', 'Suppressed by'],
      suppressed.map(
        ({ finding, by, reason }) =>
          markup`<tr>
            <td><code>${finding.rule}</code></td>
            <td class="name">${finding.object}</td>
            <td>${finding.message}</td>
            <td>${by}${reason === undefined ? '' : `: ${reason}`}</td>
          </tr> `,
      ),
    )}
  </details>`
}

function inventoryOf(tables: readonly PageTable[]): Html {
  return markup`<section id="inventory" aria-labelledby="inventory-title">
    <h2 id="inventory-title">Inventory</h2>
    ${tables.map(tableOf)}
  </section>`
}

function tableOf({ title, head, rows, omitted }: PageTable, index: number): Html {
  const isNumber = head.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === 'number'))
  const kind = (at: number): Html => (isNumber[at] === true ? { html: ' class="number"' } : { html: '' })
  return markup`<h3 id="inventory-${index}">${title}</h3>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="inventory-${index}">
      <table aria-labelledby="inventory-${index}">
        <thead>
          <tr>
            ${head.map((name, at) => markup`<th scope="col" ${kind(at)}>${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              markup`<tr>
                ${row.map((cell, at) => markup`<td${kind(at)}>${typeof cell === 'number' ? formatNumber(cell) : cell}</td>`)}
              </tr> `,
          )}
        </tbody>
      </table>
    </div>
    ${omitted === undefined ? undefined : markup`<p>${omitted}</p>`}`
}

function joined(parts: readonly Html[]): Html {
  return { html: parts.map((part) => part.html).join(', ') }
}
