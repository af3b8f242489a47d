import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openapi } from '../http/openapi.ts'
import { postman } from '../http/postman.ts'
import { routes } from '../routes.ts'

// Writes the collection anew after a change of the routes. A test tells when it is due.

const folder = join(import.meta.dirname, '../../postman')
const collection = postman(
  openapi(
    routes(() => false),
    'http://localhost:8000',
  ),
)
await mkdir(folder, { recursive: true })
await writeFile(join(folder, 'latchkey.postman_collection.json'), `${JSON.stringify(collection, null, 2)}\n`)
