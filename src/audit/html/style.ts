/** The style sheet of a report: the colours of the system, light or dark, unless the reader chooses. */
export const style = `
:root { color-scheme: light dark;
  --text: light-dark(#1c1e21, #e6e7e9); --dim: light-dark(#565b63, #a7adb7); --ground: light-dark(#fff, #16181b);
  --panel: light-dark(#f4f5f7, #1f2226); --line: light-dark(#cfd3d9, #3a3f46); --link: light-dark(#0b57c2, #8ab8ff);
  --error: light-dark(#b3161b, #ff8f8a); --warning: light-dark(#8a5300, #f5b95c); --notice: light-dark(#0b57c2, #8ab8ff);
  --info: light-dark(#565b63, #a7adb7); }
:root[data-theme=light] { color-scheme: light } :root[data-theme=dark] { color-scheme: dark }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 76rem; padding: 0 1rem 4rem; color: var(--text); background: var(--ground);
  font: 16px/1.5 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.6rem; overflow-wrap: anywhere } h2 { margin-top: 2.5rem; font-size: 1.3rem }
h3 { font-size: 1.05rem; margin-bottom: .4rem }
a { color: var(--link) } code, td.name { font-family: ui-monospace, monospace; font-size: .9em }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
.skip { position: absolute; left: -100vw } .skip:focus { left: 1rem; top: .5rem; background: var(--ground); padding: .3rem }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: start; justify-content: space-between;
  padding: 1.5rem 0 .5rem }
header p { margin: .2rem 0; color: var(--dim) }
nav ul, .counts { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; margin: .6rem 0; padding: 0; list-style: none }
button, input { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--dim); border-radius: 6px;
  padding: .3rem .6rem }
form { display: flex; flex-wrap: wrap; gap: .6rem 1.5rem; align-items: end; padding: .8rem; background: var(--panel);
  border: 1px solid var(--line); border-radius: 8px }
form label { display: inline-flex; gap: .35rem; align-items: center } form .search { flex-direction: column; align-items: start }
form input[type=search] { width: 20rem; max-width: 80vw }
fieldset { margin: 0; padding: 0; border: 0; display: flex; flex-wrap: wrap; gap: .3rem .9rem } legend { padding: 0; color: var(--dim) }
.severity { display: inline-block; min-width: 4.6rem; font-weight: 600 }
.error { color: var(--error) } .warning { color: var(--warning) } .notice { color: var(--notice) } .info { color: var(--info) }
details { margin: .7rem 0; border: 1px solid var(--line); border-radius: 8px; overflow: hidden }
summary { padding: .5rem .8rem; background: var(--panel); cursor: pointer }
summary .rule { color: var(--dim); font-size: .9em } details > div { padding: 0 .8rem .8rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; margin: .6rem 0 }
th, td { padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
td { overflow-wrap: anywhere; min-width: 6rem } th { color: var(--dim); font-weight: 600; white-space: nowrap }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; min-width: 0 }
.picture { max-height: 80vh; overflow: auto; border: 1px solid var(--line); border-radius: 8px; padding: .5rem }
.picture svg { display: block; max-width: none; height: auto } figure { margin: 1rem 0 } figcaption { color: var(--dim) }
.picture text { fill: var(--text); font-family: Arial, 'Liberation Sans', Helvetica, sans-serif } .picture .graph > polygon { fill: none }
.picture .node :is(polygon, path, ellipse), .picture .cluster :is(polygon, path) { stroke: var(--dim); fill: var(--panel) }
.picture .edge path { stroke: var(--dim) } .picture .edge polygon { stroke: var(--dim); fill: var(--dim) }
[hidden] { display: none !important }
@media print { form, nav, #theme { display: none } body { max-width: none } }
`
