import { refuseForeignEverywhere } from '../platform/http/own-pages-only.ts'

// The mailbox of `npm start`: maildev, which by itself answers pages of any origin, with credentials.

refuseForeignEverywhere()
await import(new URL('bin/maildev.js', import.meta.resolve('maildev')).href)
