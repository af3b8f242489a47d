import { resolveOwnFiles } from './processes/resolve-own-files.ts'

// `npm run api`. With `API_PROCESSES` of 1 this process serves the API. With more it is the primary: it starts processes
// that run this file again, and does not load the code of the server itself.

if (import.meta.main) {
  resolveOwnFiles()
  const { serve } = await import('./processes/api/serve.ts')
  await serve()
}
