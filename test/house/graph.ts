import { resolve } from 'node:path'
import { levelHeight, levelOf } from './levels.ts'
import { reached, root, type Source, sourcesIn } from './source.ts'

// The graph of folders: `npm run graph`, or `npm run graph -- <checkout>` for another one.

/** An import from a file of one folder to a file of another. */
export type Arrow = { from: string; to: string; file: string; target: string }

/**
 * The folder of a file, such as `features/login`. A file at the top of `src/` is a folder of its own, and a package is one
 * folder.
 */
export const folderOf = (path: string): string => {
  const parts = path.replace(/^src\//, '').split('/')
  if (parts[0] === 'packages') return parts.slice(0, 2).join('/')
  if (parts.length === 1) return parts[0]?.replace('.ts', '') ?? ''
  return parts.slice(0, parts.length > 2 ? 2 : 1).join('/')
}

/** The imports between folders, type imports included. */
export const arrowsOf = (files: readonly Source[]): Arrow[] =>
  files.flatMap(file =>
    reached(file)
      .filter(target => /^(src|packages)\//.test(target))
      .map(target => ({ from: folderOf(file.path), to: folderOf(target), file: file.path, target }))
      .filter(({ from, to }) => from !== to),
  )

/** The groups of folders that import each other in a circle (strongly connected components of more than one folder). */
export const circlesOf = (arrows: readonly Arrow[]): string[][] => {
  const targets = Map.groupBy(arrows, ({ from }) => from)
  const reachable = (start: string): Set<string> => {
    const seen = new Set<string>()
    const open = [start]
    for (let folder = open.pop(); folder !== undefined; folder = open.pop())
      for (const { to } of targets.get(folder) ?? [])
        if (!seen.has(to)) {
          seen.add(to)
          open.push(to)
        }
    return seen
  }
  const all = new Map([...targets.keys()].map(folder => [folder, reachable(folder)]))
  const inCircle = [...all].filter(([folder, seen]) => seen.has(folder)).map(([folder]) => folder)
  const groups = Map.groupBy(inCircle, folder =>
    inCircle
      .filter(other => all.get(folder)?.has(other) && all.get(other)?.has(folder))
      .sort()
      .join(' '),
  )
  return [...groups.values()].map(group => group.sort())
}

/** The imports from a lower level to a higher one. */
export const upwardArrows = (arrows: readonly Arrow[]): Arrow[] =>
  arrows.filter(({ file, target }) => {
    const [own, other] = [levelOf(file), levelOf(target)]
    return own !== null && other !== null && levelHeight(other) > levelHeight(own)
  })

if (import.meta.main) {
  const arrows = arrowsOf(sourcesIn(resolve(process.argv[2] ?? root), '{src,packages/*/src}/**/*.ts'))
  const byFolder = [...Map.groupBy(arrows, ({ from }) => from)].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [from, own] of byFolder)
    console.log(`${from} → ${[...new Set(own.map(({ to }) => to))].sort().join(' ')}`)
  const circles = circlesOf(arrows)
  console.log(`\nCircles: ${circles.length}`)
  for (const circle of circles) console.log(`  ${circle.length} folders: ${circle.join(' ')}`)
  const upward = upwardArrows(arrows)
  console.log(`Imports that go up a level: ${upward.length}`)
  for (const { file, target } of upward) console.log(`  ${file} → ${target}`)
}
