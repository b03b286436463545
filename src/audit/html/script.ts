/**
 * What a report does in a browser: filter and search, which nothing but the report is asked for, and the choice between
 * light and dark. Without it the report is complete, all findings shown.
 */
export const script = `
'use strict'
const form = document.querySelector('form')
const shown = document.querySelector('#shown')
const groups = [...document.querySelectorAll('details.group')].map((group) => ({
  group,
  count: group.querySelector('.count'),
  rows: [...group.querySelectorAll('tbody tr')].map((row) => ({
    row,
    severity: row.dataset.severity,
    text: (group.querySelector('summary').textContent + ' ' + row.textContent).toLowerCase(),
  })),
}))
const total = groups.reduce((sum, { rows }) => sum + rows.length, 0)
const chosen = (name) => new Set([...form.querySelectorAll('input[name=' + name + ']:checked')].map((input) => input.value))
function update() {
  const words = form.elements.search.value.toLowerCase().split(/\\s+/).filter((word) => word !== '')
  const severities = chosen('severity')
  const categories = chosen('category')
  let sum = 0
  for (const { group, count, rows } of groups) {
    let here = 0
    for (const { row, severity, text } of rows) {
      const fits = categories.has(group.dataset.category) && severities.has(severity) && words.every((word) => text.includes(word))
      row.hidden = !fits
      if (fits) here++
    }
    group.hidden = here === 0
    count.textContent = here === rows.length ? String(here) : here + ' of ' + rows.length
    sum += here
  }
  shown.textContent = sum + ' of ' + total + ' findings shown'
}
if (form !== null) {
  form.hidden = false
  form.addEventListener('input', update)
  form.addEventListener('submit', (event) => event.preventDefault())
  form.addEventListener('reset', () => setTimeout(update))
  update()
}
const theme = document.querySelector('#theme')
const isDark = () => {
  const set = document.documentElement.dataset.theme
  return set === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : set === 'dark'
}
theme.hidden = false
theme.setAttribute('aria-pressed', String(isDark()))
theme.addEventListener('click', () => {
  document.documentElement.dataset.theme = isDark() ? 'light' : 'dark'
  theme.setAttribute('aria-pressed', String(isDark()))
})
`
