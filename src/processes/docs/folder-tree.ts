import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'

// The tree of folders in docs/architecture.md. Descriptions are written by hand, the lines follow the folders of src/.

const root = join(import.meta.dirname, '../../..')

type Line = { text: string; path: string | null }

/** The lines of a tree, each with the path of its folder. */
const readTree = (tree: string): Line[] => {
  const parents: string[] = []
  return tree.split('\n').map(text => {
    const [, indent = '', name] = /^( *)([\w-]+)\//.exec(text) ?? []
    if (name === undefined) return { text, path: null }
    parents.splice(indent.length / 2, parents.length, name)
    return { text, path: parents.join('/') }
  })
}

/** Every folder below `src/` with a file of TypeScript, and the folders above it. */
const allFolders = (): string[] => {
  const all = globSync('src/**/*.ts', { cwd: root }).flatMap(file => {
    const parts = dirname(file).split('/')
    return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
  })
  return [...new Set(all)].sort()
}

/** Where the line of a folder belongs: before the next folder beside it, or else behind what its parent holds. */
const placeOf = (lines: readonly Line[], path: string): number => {
  const parent = dirname(path)
  const next = lines.findIndex(
    line => line.path !== null && dirname(line.path) === parent && line.path > path,
  )
  const last = lines.findLastIndex(line => line.path === parent || line.path?.startsWith(`${parent}/`))
  return next === -1 ? last + 1 : next
}

/** The tree with a line for each folder. A new one has no description. */
export const folderTree = (tree: string): string => {
  const folders = allFolders()
  const lines = readTree(tree).filter(({ path }) => path === null || folders.includes(path))
  for (const path of folders.filter(each => !lines.some(line => line.path === each))) {
    const depth = path.split('/').length - 1
    lines.splice(placeOf(lines, path), 0, { text: `${'  '.repeat(depth)}${path.split('/').at(-1)}/`, path })
  }
  return lines.map(({ text }) => text).join('\n')
}
