import { ArchiveError } from '../../errors.ts'
import { harmless } from '../text.ts'
import type { Drawing } from './drawing.ts'
import { markup, plainTable, type Html } from './escape.ts'

/** The part of Graphviz (@viz-js/viz) that is used. */
interface Graphviz {
  renderString(graph: object, options: { readonly format: 'svg'; readonly engine: 'dot' }): string
}

/** Draws graphs as SVG that stands within a page, with Graphviz. @throws ArchiveError UNSUPPORTED without the package */
export async function createDrawer(): Promise<(drawing: Drawing) => Html> {
  const graphviz = await loadGraphviz()
  return (drawing) => figure(drawing, graphviz.renderString(graphOf(drawing), { format: 'svg', engine: 'dot' }))
}

async function loadGraphviz(): Promise<Graphviz> {
  try {
    const { instance } = await import('@viz-js/viz')
    return await instance()
  } catch (cause) {
    throw new ArchiveError('UNSUPPORTED', 'Cannot draw: the package @viz-js/viz cannot be loaded', {
      hint: 'Install it: npm install @viz-js/viz',
      cause,
    })
  }
}

/** Nodes are numbered: their names are a stranger's, and Graphviz sees them in labels only. */
function graphOf({ nodes, edges }: Drawing): object {
  const numbers = new Map(nodes.map(({ id }, index) => [id, `n${index}`]))
  const arrows = merged(edges).flatMap(({ from, to, label }) => {
    const tail = numbers.get(from)
    const head = numbers.get(to)
    if (tail === undefined || head === undefined) return []
    return [{ tail, head, attributes: label === undefined ? {} : { label: labelOf([label]) } }]
  })
  return {
    directed: true,
    graphAttributes: { rankdir: 'LR', bgcolor: 'transparent', nodesep: 0.2, ranksep: 0.7 },
    nodeAttributes: {
      shape: 'box',
      style: 'rounded,filled',
      fontname: 'Arial',
      fontsize: 12,
      height: 0.3,
      margin: '0.2,0.06',
    },
    edgeAttributes: { fontname: 'Arial', fontsize: 10 },
    nodes: nodes.map(({ lines }, index) => ({ name: `n${index}`, attributes: { label: labelOf(lines) } })),
    edges: arrows,
  }
}

/** Several arrows between the same two boxes as one. */
function merged(edges: Drawing['edges']): Drawing['edges'] {
  const found = new Map<string, { from: string; to: string; labels: string[] }>()
  for (const { from, to, label } of edges) {
    const key = JSON.stringify([from, to])
    const known = found.get(key)
    const labels = label === undefined ? [] : [label]
    if (known === undefined) found.set(key, { from, to, labels })
    else known.labels.push(...labels)
  }
  return [...found.values()].map(({ from, to, labels }) => ({
    from,
    to,
    label: labels.length === 0 ? undefined : labels.length > 3 ? `${labels.length} foreign keys` : labels.join('; '),
  }))
}

/** A label of Graphviz, in which a backslash begins an escape. */
function labelOf(lines: readonly string[]): string {
  return lines.map((line) => shorten(harmless(line)).replaceAll('\\', '\\\\')).join('\\n')
}

function shorten(text: string): string {
  const letters = [...text]
  return letters.length <= 48 ? text : `${letters.slice(0, 47).join('')}…`
}

function figure({ title, nodes, edges, omitted }: Drawing, svg: string): Html {
  // what comes before the element is for a file of its own; titles would name boxes by their numbers
  const drawn = svg
    .slice(svg.indexOf('<svg'))
    .replace('<svg', '<svg aria-hidden="true" focusable="false"')
    .replaceAll(/<title>[^<]*<\/title>\n?/g, '')
    .replaceAll(/ id="[^"]*"/g, '')
    .replaceAll(/<!--[\s\S]*?-->\n?/g, '')
  const labels = new Map(nodes.map(({ id, lines }) => [id, lines[0]]))
  const label = (id: string): string => labels.get(id) ?? id
  return markup`<figure>
    <figcaption>${title}.${omitted === undefined ? '' : ` ${omitted}`}</figcaption>
    <div
      class="picture"
      tabindex="0"
      role="img"
      aria-label="${title}: ${nodes.length} boxes, ${edges.length} arrows; the same as a table below"
    >
      ${{ html: drawn }}
    </div>
    <details>
      <summary>The same as a table</summary>
      ${plainTable(
        ['From', 'To', 'By'],
        edges.map(
          (edge) =>
            markup`<tr>
              <td class="name">${label(edge.from)}</td>
              <td class="name">${label(edge.to)}</td>
              <td>${edge.label}</td>
            </tr> `,
        ),
      )}
    </details>
  </figure> `
}
