import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { variables } from '../../config.ts'
import { problems, scopes } from '../../modules.ts'
import { openapi } from '../../platform/api-docs/openapi.ts'
import { postman } from '../../platform/api-docs/postman.ts'
import { envExample } from '../../platform/config/env-example.ts'
import { clientTypes } from './client-types.ts'
import { docTables } from './doc-tables.ts'
import { folderTree } from './folder-tree.ts'
import { coreRoutes } from './route-tables.ts'
import { tokenVectors } from './token-vectors.ts'

/** A file of the repository that is derived from the code: what it holds, and what it must hold. */
export type GeneratedFile = { path: string; current: string; expected: string }

const block = /<!-- generated: ([a-z ]+) -->\n[\s\S]*?<!-- \/generated -->/g

const tree = /(<!-- tree -->\n)([\s\S]*?)(<!-- \/tree -->)/

const withTree = (page: string): string =>
  page.replace(tree, (_, start: string, lines: string, end: string) => start + folderTree(lines) + end)

/** The page with every derived table written anew. */
const withTables = (page: string): string =>
  page.replaceAll(block, (_, name: string) => {
    const rows = docTables[name]
    if (!rows) throw new Error(`There is no table "${name}"`)
    return `<!-- generated: ${name} -->\n${rows()}\n<!-- /generated -->`
  })

const document = () => openapi({ routes: coreRoutes, problems, scopes }, 'http://localhost:8000')

// Biome formats these files, so only the content is compared.
const jsonOf = (current: string, value: unknown): string => {
  const made: unknown = JSON.parse(JSON.stringify(value))
  const isFresh = current !== '' && isDeepStrictEqual(JSON.parse(current), made)
  return isFresh ? current : `${JSON.stringify(made, null, 2)}\n`
}

/** Every derived file below `root`: the pages with tables, `.env.example`, the types of the client, the Postman collection, test vectors. */
export const generatedFiles = (root: string): GeneratedFile[] => {
  const file = (path: string, derive: (current: string) => string): GeneratedFile => {
    const current = readFileSync(join(root, path), 'utf8')
    return { path, current, expected: derive(current) }
  }
  const pages = globSync(['README.md', 'docs/**/*.md'], { cwd: root }).sort()
  const files = pages.map(path => file(path, page => withTree(withTables(page))))
  const shown = new Set(files.flatMap(({ current }) => [...current.matchAll(block)].map(([, name]) => name)))
  const missing = Object.keys(docTables).filter(name => !shown.has(name))
  if (missing.length > 0) throw new Error(`No page shows these tables: ${missing.join(', ')}`)
  return [
    ...files,
    file('.env.example', () => envExample(variables)),
    file('packages/client/src/api-types.ts', () => clientTypes(document())),
    file('postman/latchkey.postman_collection.json', current => jsonOf(current, postman(document()))),
    file('docs/token-vectors.json', current => jsonOf(current, tokenVectors)),
  ]
}
