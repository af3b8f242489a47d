import { createHash } from 'node:crypto'
import type { Brand } from '../config/brand.ts'

/** The one style sheet of all pages. */
export const pageStyle = ({ palette }: Brand): string => `
:root { color-scheme: light dark; --page: #f3f4f2; --card: #fff; --line: #e2e4e0; --text: #24292f; --muted: #57606a; --alert: #a8201a;
  --fill: ${palette.fill}; --on-fill: ${palette.on_fill}; --edge: ${palette.edge}; --accent: ${palette.accent} }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181b; --card: #1f2529; --line: #343c42; --text: #e8ecef; --muted: #aab4bc; --alert: #ff9d94;
    --fill: ${palette.dark_fill}; --on-fill: ${palette.dark_on_fill}; --edge: ${palette.dark_edge}; --accent: ${palette.dark_accent} }
}
* { box-sizing: border-box }
[hidden] { display: none !important }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; align-items: center; justify-content: safe center; gap: 20px; padding: 24px 16px;
  background: var(--page); color: var(--text); font: 17px/1.6 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Tahoma, Arial, sans-serif; overflow-wrap: break-word }
main { width: 100%; max-width: 460px; padding: 32px 28px; background: var(--card); border: 1px solid var(--line); border-radius: 14px }
footer { width: 100%; max-width: 460px; padding: 0 28px; color: var(--muted); font-size: 14px }
footer p { margin: 0 0 4px }
.brand { margin: 0 0 24px; color: var(--accent); font-weight: 700 }
.brand img { display: inline-block; vertical-align: top; height: 40px; width: auto; max-width: 100%; object-fit: contain }
h1 { margin: 0 0 12px; font-size: 26px; line-height: 1.3 }
p { margin: 0 0 12px }
main > :last-child { margin-bottom: 0 }
a { color: var(--accent) }
.hint { color: var(--muted) }
form, .on { margin-top: 24px }
label { display: block; margin-bottom: 6px; font-weight: 600 }
input:not([type=checkbox]) { width: 100%; padding: 12px 14px; border: 1px solid var(--muted); border-radius: 8px; background: var(--page); color: inherit; font: inherit }
input.shown:not([type=checkbox]) { margin-bottom: 16px; padding: 0; border-color: transparent; background: none; text-overflow: ellipsis }
[dir=rtl] input.shown, [dir=rtl] #email { text-align: right }
input[aria-invalid]:not([type=checkbox]) { border-color: var(--alert) }
input ~ p { margin: 8px 0 0; font-size: 15px }
.show label { display: inline-flex; align-items: center; gap: 10px; min-height: 24px; margin: 4px 0 0; font-weight: 400 }
.show input { width: 20px; height: 20px; margin: 0; accent-color: var(--accent) }
input + button, p + button { margin-top: 20px }
.facts { margin: 0 0 12px; padding: 12px 0; border: solid var(--line); border-width: 1px 0 }
.facts dt { color: var(--muted); font-size: 14px }
.facts dd { margin: 0 0 8px }
.facts dd:last-child { margin-bottom: 0 }
.error { color: var(--alert); font-weight: 600 }
button, .button { display: block; width: 100%; padding: 13px 23px; border: 1px solid var(--edge); border-radius: 8px; background: var(--fill); color: var(--on-fill);
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer }
button.other { border-color: var(--muted); background: none; color: inherit }
button:hover, .button:hover { opacity: .92 }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px }
`

/** The hash of an inline style sheet or script, as a Content-Security-Policy names it. */
export const sourceHash = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`
